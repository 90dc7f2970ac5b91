"""THE table of modules: the dotted names of each module's parts.

A module is one folder and one row here. The rows hold dotted names, imported when they are asked for, so that this
file costs nothing: neither paddle nor OpenCV is loaded by reading a recipe or listing models.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sealkit.config.load import RecipeKinds
from sealkit.errors import ConfigError
from sealkit.text import did_you_mean

if TYPE_CHECKING:
    from sealkit.config.training import RecipeBase
    from sealkit.engine.task import Task
    from sealkit.modules.base import ModelSpec, ModuleExport, Predictor, WeightsExport, WeightsImport


@dataclass(frozen=True)
class ModuleInfo:
    """One module. Every `str` after `names` is a dotted name, "" where the module has no such thing.

    Attributes:
        name: PaddleX's name of the module; the recipe's key `module`.
        keys: keys of PaddleX's pipeline YAML whose `module_name` it is.
        names: pattern of the names PaddleX gives to its models.
        models: literal table of its models, name → ModelSpec.
        predictor: the Predictor class.
        recipe: settings class of its recipes.
        task: Task class: training, evaluation and export.
        check: DatasetCheck of `sealkit data check`.
        export: its ModuleExport class; WeightsExport where it cannot be trained.
        importing: its WeightsImport class, of `sealkit import-weights`.
        label_issues: function (samples, model, progress) → label issues, of `sealkit data check --model-dir`.
        reading_issues: function (samples, recogniser, progress) → label issues, of `sealkit data check --read`.
        fix: function (root, sets, out) that writes a corrected copy, of `sealkit data check --fix`.
        start_recipe: recipe that own data is trained with where none is named (`sealkit train --data DIR`): it starts
            from weights that are shipped or in a wheel, where there are such.
        flag: of `sealkit infer` and create_pipeline: takes a trained model of it; "" where there is none.
        labels: kind of its labels, as `data.labels.kinds.kind_of` names it.
        toy_set: folder of `datasets/` that holds its toy set.
        not_trainable: why it cannot be trained here and what to do instead; "" where it can.
    """

    name: str
    keys: tuple[str, ...]
    names: str
    models: str
    predictor: str
    recipe: str = ""
    task: str = ""
    check: str = ""
    export: str = ""
    importing: str = ""
    label_issues: str = ""
    reading_issues: str = ""
    fix: str = ""
    start_recipe: str = ""
    flag: str = ""
    labels: str = ""
    toy_set: str = ""
    not_trainable: str = ""

    def load(self, part: str) -> Any:
        """The object an attribute names.

        Raises:
            ConfigError: the module has no such part; those that have it are named.
        """
        dotted: str = getattr(self, part)
        if not dotted:
            others = ", ".join(having(part))
            raise ConfigError(
                f"the module has no {part.replace('_', ' ')}", value=self.name, hint=f"have one: {others}"
            )
        return resolve(dotted)

    def model_specs(self) -> Mapping[str, ModelSpec]:
        """Its models by name; imports no paddle."""
        specs: Mapping[str, ModelSpec] = self.load("models")
        return specs

    def recipe_class(self) -> type[RecipeBase]:
        """Settings class of its recipes."""
        found: type[RecipeBase] = self.load("recipe")
        return found

    def task_class(self) -> Callable[[Any], Task]:
        """Recipe → Task."""
        found: Callable[[Any], Task] = self.load("task")
        return found

    def predictor_class(self) -> type[Predictor]:
        """What runs its models."""
        found: type[Predictor] = self.load("predictor")
        return found

    def module_export(self) -> ModuleExport:
        """How its trained networks become graphs.

        Raises:
            ConfigError: it is not trained here.
        """
        if self.not_trainable:
            raise ConfigError(
                "the models of this module are not trained here", value=self.name, hint=self.not_trainable
            )
        row: ModuleExport = self.load("export")()
        return row

    def weights_export(self) -> WeightsExport:
        """How its weights become a graph without a recipe.

        Raises:
            ConfigError: it is trained here.
        """
        if not self.not_trainable:
            raise ConfigError(
                "the models of this module are exported by their recipes",
                value=self.name,
                hint="sealkit export RUN_FOLDER, or -c RECIPE --checkpoint PATH --output DIR",
            )
        row: WeightsExport = self.load("export")()
        return row

    def weights_import(self) -> WeightsImport:
        """How other projects' weights become its checkpoints."""
        row: WeightsImport = self.load("importing")()
        return row


MODULES: dict[str, ModuleInfo] = {
    "seal_text_detection": ModuleInfo(
        name="seal_text_detection",
        keys=("TextDetection",),
        names=r"_det$",
        models="sealkit.modules.seal_text_detection.models.MODELS",
        predictor="sealkit.modules.seal_text_detection.predictor.TextDetector",
        recipe="sealkit.modules.seal_text_detection.settings.SealTextDetectionRecipe",
        start_recipe="seal_det_cpu_small",
        flag="det",
        task="sealkit.modules.seal_text_detection.task.SealTextDetectionTask",
        labels="outlines",
        toy_set="toy",
        check="sealkit.modules.seal_text_detection.check.DetectionCheck",
        export="sealkit.modules.seal_text_detection.export.DetectionExport",
        importing="sealkit.modules.seal_text_detection.importing.DetectionImport",
        label_issues="sealkit.modules.seal_text_detection.label_issues.detector_issues",
        reading_issues="sealkit.modules.seal_text_detection.reading_issues.reading_issues",
        fix="sealkit.modules.seal_text_detection.fix.write_fixed_copy",
    ),
    "text_recognition": ModuleInfo(
        name="text_recognition",
        keys=("TextRecognition",),
        names=r"_rec(_|$)",
        models="sealkit.modules.text_recognition.models.MODELS",
        predictor="sealkit.modules.text_recognition.predictor.TextRecogniser",
        recipe="sealkit.modules.text_recognition.settings.TextRecognitionRecipe",
        start_recipe="rec_v6_small_finetune",
        flag="rec",
        task="sealkit.modules.text_recognition.task.TextRecognitionTask",
        labels="strips",
        toy_set="toy_strips",
        check="sealkit.modules.text_recognition.check.RecognitionCheck",
        export="sealkit.modules.text_recognition.export.RecognitionExport",
        importing="sealkit.modules.text_recognition.importing.RecognitionImport",
        label_issues="sealkit.modules.text_recognition.label_issues.recogniser_issues",
        reading_issues="sealkit.modules.text_recognition.label_issues.reading_issues",
        fix="sealkit.modules.text_recognition.fix.write_fixed_copy",
    ),
    "layout_detection": ModuleInfo(
        name="layout_detection",
        keys=("LayoutDetection",),
        names=r"^(PicoDet|RT-DETR|PP-DocLayout|PP-DocBlockLayout)",
        models="sealkit.modules.layout_detection.models.MODELS",
        predictor="sealkit.modules.layout_detection.predictor.LayoutDetector",
        recipe="sealkit.modules.layout_detection.settings.LayoutDetectionRecipe",
        start_recipe="layout_picodet_s_synth",
        flag="layout",
        task="sealkit.modules.layout_detection.task.LayoutDetectionTask",
        labels="boxes",
        toy_set="toy_layout",
        check="sealkit.modules.layout_detection.check.LayoutCheck",
        export="sealkit.modules.layout_detection.export.LayoutExport",
        importing="sealkit.modules.layout_detection.importing.LayoutImport",
        label_issues="sealkit.modules.layout_detection.label_issues.detector_issues",
        fix="sealkit.modules.layout_detection.fix.write_fixed_copy",
    ),
    "doc_text_orientation": ModuleInfo(
        name="doc_text_orientation",
        keys=("DocOrientationClassify",),
        names=r"_doc_ori$",
        models="sealkit.modules.doc_text_orientation.models.MODELS",
        predictor="sealkit.modules.doc_text_orientation.predictor.OrientationClassifier",
        recipe="sealkit.modules.doc_text_orientation.settings.DocTextOrientationRecipe",
        start_recipe="doc_ori_finetune",
        flag="ori",
        task="sealkit.modules.doc_text_orientation.task.DocTextOrientationTask",
        labels="classes",
        toy_set="toy_orientation",
        check="sealkit.modules.doc_text_orientation.check.OrientationCheck",
        export="sealkit.modules.doc_text_orientation.export.OrientationExport",
        importing="sealkit.modules.doc_text_orientation.importing.OrientationImport",
        label_issues="sealkit.modules.doc_text_orientation.label_issues.classifier_issues",
        fix="sealkit.modules.doc_text_orientation.fix.write_fixed_copy",
    ),
    "textline_orientation": ModuleInfo(
        name="textline_orientation",
        keys=("TextLineOrientation",),
        names=r"_textline_ori$",
        models="sealkit.modules.textline_orientation.models.MODELS",
        predictor="sealkit.modules.textline_orientation.predictor.TextLineClassifier",
        recipe="sealkit.modules.textline_orientation.settings.TextlineOrientationRecipe",
        start_recipe="textline_ori_cpu",
        task="sealkit.modules.textline_orientation.task.TextlineOrientationTask",
        labels="line classes",
        toy_set="toy_textlines",
        check="sealkit.modules.textline_orientation.check.TextLineCheck",
        export="sealkit.modules.textline_orientation.export.TextLineExport",
        label_issues="sealkit.modules.textline_orientation.label_issues.line_issues",
        fix="sealkit.modules.textline_orientation.check.write_fixed_lines",
    ),
    "image_unwarping": ModuleInfo(
        name="image_unwarping",
        keys=("DocUnwarping",),
        names=r"^UVDoc$",
        models="sealkit.modules.image_unwarping.models.MODELS",
        predictor="sealkit.modules.image_unwarping.predictor.Unwarper",
        export="sealkit.modules.image_unwarping.export.UnwarpingExport",
        not_trainable=(
            "UVDoc learns from images with the page's shape in space (Doc3D, the UVDoc set), which no user has of his"
            " own pages, and the reference publishes no training for it; take the official weights: sealkit export"
            " --model UVDoc --checkpoint UVDoc_pretrained.pdparams --output DIR"
        ),
    ),
}
"""Every module in the order of lists. Adding a module is one folder and one row."""


def resolve(dotted: str) -> Any:
    """The object of a dotted name."""
    file, _, name = dotted.rpartition(".")
    return getattr(import_module(file), name)


def info(name: str, where: str = "module") -> ModuleInfo:
    """The row of a module.

    Raises:
        ConfigError: there is no such module.
    """
    if name not in MODULES:
        hint = did_you_mean(name, MODULES, also="modules: " + ", ".join(MODULES))
        raise ConfigError("no such module", where=where, value=name, hint=hint)
    return MODULES[name]


def having(part: str) -> list[str]:
    """Names of the modules that have a part, such as `check`."""
    return [name for name, row in MODULES.items() if getattr(row, part)]


def of_labels(kind: str) -> str | None:
    """The module that labels of a kind train, None where none does."""
    return next((name for name, row in MODULES.items() if row.task and row.labels == kind), None)


def of_flag(flag: str) -> str:
    """The module whose trained models a flag such as `det` takes."""
    return next(name for name, row in MODULES.items() if row.flag == flag)


def by_key() -> dict[str, str]:
    """Key of a pipeline config → module."""
    return {key: name for name, row in MODULES.items() for key in row.keys}


def module_of(model_name: str) -> str:
    """The module of a model name, by the way PaddleX makes the names of its models.

    Raises:
        ConfigError: a name of no kind.
    """
    for name, row in MODULES.items():
        if re.search(row.names, model_name):
            return name
    raise ConfigError(
        "no model of this pipeline", where="model_name", value=model_name, hint="`sealkit models` lists the names"
    )


def recipe_kinds() -> RecipeKinds:
    """What `config.load.load_recipe` has to know of the modules."""
    return RecipeKinds(
        {name: MODULES[name].recipe_class for name in having("recipe")},
        {name: row.not_trainable for name, row in MODULES.items() if row.not_trainable},
    )


def models_by_module() -> dict[str, list[str]]:
    """Module → names of its models."""
    return {name: list(row.model_specs()) for name, row in MODULES.items()}

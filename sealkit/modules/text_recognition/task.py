"""Text recognition as the training loop sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sealkit.charset import Charset
from sealkit.engine.task import Metric, ParamGroup, StepState
from sealkit.errors import DataError
from sealkit.modules.task import ModuleTask
from sealkit.modules.text_recognition.characters import Characters, describe_unknown, resolve_charset, unknown_counts
from sealkit.modules.text_recognition.dataset import Collate, EvalSource, Limits, TrainSource, load_set, set_info
from sealkit.modules.text_recognition.kinds import KINDS, RecKind
from sealkit.modules.text_recognition.labels import LineLabels
from sealkit.modules.text_recognition.metric import RecMetric, as_encoded
from sealkit.modules.text_recognition.models import MODELS, MODULE
from sealkit.modules.text_recognition.networks.architectures import ARCHITECTURES, OFFICIAL_STEPS, Architecture
from sealkit.modules.text_recognition.postprocess import reverse_runs
from sealkit.modules.text_recognition.settings import TextRecognitionRecipe
from sealkit.weights.loading import LoadReport
from sealkit.weights.sources import ResolvedWeights, resolve

if TYPE_CHECKING:
    from sealkit.modules.text_recognition.loss import RecLoss


class TextRecognitionTask(ModuleTask[TextRecognitionRecipe]):
    """The module's answers to the loop's questions (see `sealkit.engine.task.Task`)."""

    name = MODULE
    models = MODELS
    default_metric = "acc"

    def __init__(self, recipe: TextRecognitionRecipe) -> None:
        super().__init__(recipe)
        self.kind.check_loss(recipe.loss.name)
        self._restored: Characters | None = None
        self._train: TrainSource | None = None
        self._eval: EvalSource | None = None
        # A callable without paddle: worker processes unpickle it without the task.
        self.collate = Collate(recipe.input, recipe.resize.width_step)

    @property
    def architecture(self) -> Architecture:
        """The network's parts."""
        return ARCHITECTURES[self.spec.architecture]

    @property
    def auxiliary_head(self) -> str | None:
        """`nrtr`, `sar` or None."""
        head = self.architecture.auxiliary_head
        return head.kind if head is not None and self.recipe.network.auxiliary_head == "official" else None

    @property
    def kind(self) -> RecKind:
        """How the network's output is trained and read."""
        return KINDS[self.architecture.kind]

    @property
    def right_to_left(self) -> bool:
        """Whether the model's published script runs from right to left, so that texts are turned around by runs."""
        return self.spec.charset is not None and self.spec.charset.reverse_runs

    def load_set(self, entry: Any) -> Any:
        """See `dataset.load_set`."""
        return load_set(entry, self.recipe.train.max_broken_share)

    def set_info(self, entry: Any, found: Any) -> dict[str, Any]:
        """See `dataset.set_info`."""
        return set_info(entry, found)

    @cached_property
    def _resolved(self) -> Characters:
        recipe = self.recipe
        weights = resolve(recipe.weights.init, recipe.model)
        texts = (sample.text for lines in self.train_sets for sample in lines)
        return resolve_charset(weights, recipe.dictionary, recipe.charset, texts, recipe.model)

    @property
    def characters(self) -> Characters:
        """The run's charset; that of a restored checkpoint or folder where there is one."""
        return self._restored or self._resolved

    @property
    def charset(self) -> Charset:
        """The classes of the network; see `characters`."""
        return self.characters.charset

    def restore(self, extras: Mapping[str, Any]) -> None:
        """Take the charset that a checkpoint ("charset") or an exported folder ("character_dict") carries.

        Raises:
            CharsetError: a charset that is damaged.
        """
        where = str(extras.get("where", "checkpoint"))
        if extras.get("charset") is not None:
            charset = Charset.from_dict(extras["charset"], where=f"{where}: charset")
        elif extras.get("character_dict") is not None:
            charset = Charset.from_inference(extras["character_dict"], id=self.recipe.model, where=where)
        else:
            return
        self._restored = Characters(
            charset, charset, f"charset {charset.id}, {charset.num_classes} classes, of {where}"
        )
        self._train = self._eval = None

    @property
    def freezes_batch_norm(self) -> bool:
        """`network.freeze_bn`."""
        return self.recipe.network.freeze_bn

    def make_network(self) -> Any:
        """The training network, as wide as the charset."""
        from sealkit.nn.transformer import drop_nothing

        network = self.recipe.network
        net = self.spec.build(
            classes=self.charset.num_classes,
            form=network.form,
            auxiliary_head=self.auxiliary_head is not None,
            fixed_steps=network.steps == "official",
        )
        if network.dropout == "none":
            drop_nothing(net)
        return net

    def load_weights(self, net: Any, source: Any, allow_partial: bool = False) -> LoadReport:
        """Load weights whose charset may be another one: rows of known characters are copied by character.

        Args:
            source: what `resolve` returned, a path, or arrays by name.

        Raises:
            CharsetError: the weights' classes are not those of the charset they are said to have.
            ConfigError: folded weights (`rapidocr`) for a network that is not.
            WeightsError: as `load_into`.
        """
        from sealkit.modules.text_recognition.start import load_start

        if isinstance(source, (str, Path)):
            source = resolve(source, self.recipe.model)
        arrays = None if isinstance(source, ResolvedWeights) else source
        return load_start(net, self.recipe, self.characters, source if arrays is None else arrays, allow_partial)

    def limits(self) -> Limits:
        """What can be trained on."""
        recipe = self.recipe
        official = self.architecture.fixed_steps and recipe.network.steps == "official"
        fixed = OFFICIAL_STEPS if official else self.kind.steps
        reverse = self.right_to_left and recipe.labels.order == "reading"
        labels = LineLabels(self.charset, self.auxiliary_head, recipe.labels.max_text_length, self.kind)
        return Limits(labels, fixed, recipe.labels.unknown, reverse)

    def train_samples(self) -> TrainSource:
        """Augmented strips of the lines that can be trained on.

        Raises:
            DataError: characters without a class where `labels.unknown` is `fail`; a set with nothing to train on.
        """
        if self._train is None:
            self._refuse_unknown()
            self._train = TrainSource(self.recipe, self.limits(), self.train_sets)
        return self._train

    def _refuse_unknown(self) -> None:
        """Characters without a class stop a run unless the recipe says what to do about them."""
        places = [(sample.where, sample.text) for lines in self.train_sets for sample in lines]
        found = unknown_counts(places, self.charset)
        if found and self.recipe.labels.unknown == "fail":
            raise DataError(
                f"{len(found)} characters of the training labels have no class in charset "
                f"{self.charset.id or self.charset.hash}: {describe_unknown(found)}",
                where="data.train",
                hint="charset: union adds them to those of the weights, charset: new takes only the labels'; "
                "or labels.unknown: line leaves these lines out, or correct the labels",
            )

    def eval_samples(self) -> EvalSource:
        """Strips of the validation sets, as the pipeline reads them, or by `eval.preprocess: official`."""
        recipe = self.recipe
        if self._eval is None:
            sets = list(zip(recipe.data.val, self.val_sets))
            self._eval = EvalSource(sets, recipe.resize, recipe.eval.preprocess)
        return self._eval

    def data_info(self) -> dict[str, Any]:
        """Fingerprint and counts of every set, what is used of it, and the charset; to be the same on resume."""
        source = self.train_samples()
        train = []
        for use, places in zip(source.uses, source.mix.places):
            left_out = {reason: len(where) for reason, where in use.left_out.items()}
            used = {"used": use.size, "left_out": left_out, "per_epoch": places}
            known = set_info(use.settings, use.lines) if use.drawn is None else use.drawn.info()
            train.append({**known, **used, "share": round(places / len(source), 4)})
        val = [set_info(entry, lines) for entry, lines in zip(self.recipe.data.val, self.val_sets)]
        charset = {"id": self.charset.id, "hash": self.charset.hash, "classes": self.charset.num_classes}
        return {"train": train, "val": val, "charset": charset}

    def notes(self) -> list[str]:
        """The charset, and each set's share of an epoch."""
        source = self.train_samples()
        listed = [
            f"{places} of {use.name} ({places / len(source):.0%}, ratio {use.settings.ratio:g})"
            for use, places in zip(source.uses, source.mix.places)
        ]
        return [self.characters.note, f"an epoch: {', '.join(listed)}"]

    def warnings(self) -> list[str]:
        """What is not trained on, and what no reading can ever get right."""
        found = [sentence for use in self.train_samples().uses for sentence in use.sentences()]
        for kind, sets in (("training", self.train_sets), ("validation", self.val_sets)):
            unknown = unknown_counts(((s.where, s.text) for lines in sets for s in lines), self.charset)
            if unknown:
                listed = describe_unknown(unknown)
                found.append(f"{len(unknown)} characters of the {kind} labels are not in the charset: {listed}")
        return found

    def forward(self, net: Any, batch: Mapping[str, Any], state: StepState) -> Any:
        """In training the heads' logits; in evaluation {"probabilities": [N, T, classes]}."""
        if state.training:
            wanted = [key for key in batch if key.startswith("label_") or key in ("length", "valid_ratio")]
            return net(batch["image"], {key: batch[key] for key in wanted})
        import paddle.nn.functional as F

        return {"probabilities": F.softmax(net(batch["image"])[self.kind.output], axis=-1)}

    def loss(self, outputs: Any, batch: Mapping[str, Any], state: StepState) -> dict[str, Any]:
        """Terms by name: the kind's loss and that of an auxiliary head; see `RecLoss`."""
        return self._loss(outputs, batch)

    @cached_property
    def _loss(self) -> RecLoss:
        from sealkit.modules.text_recognition.loss import RecLoss

        return RecLoss(self.recipe.loss.auxiliary_head, self.kind, self.recipe.loss.name)

    def param_groups(self, net: Any) -> Sequence[ParamGroup]:
        """Trainable parameters by what the network asks for: learning-rate factor, own decay (CTC's Linear, BatchNorms
        in branches). With `keep_known` only rows of new characters are trained, and class rows have no decay."""
        groups = super().param_groups(net)
        start = self._resolved.start if self.recipe.keep_known else None
        if start is None:
            return groups
        from sealkit.modules.text_recognition.extend import hold_known_rows

        held = {id(param) for param in hold_known_rows(net, start, self.charset)}
        made = []
        for group in groups:
            rows = [param for param in group.params if id(param) in held]
            rest = [param for param in group.params if id(param) not in held]
            made += [ParamGroup(rest, group.lr_mult, group.weight_decay)] if rest else []
            made += [ParamGroup(rows, group.lr_mult, 0.0)] if rows else []
        return made

    def decode(self, outputs: Any, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Records with what was read ("pred", "score") and the label ("gt"), both in reading order."""
        probabilities = np.asarray(outputs["probabilities"], np.float32)
        records = []
        for n, result in enumerate(self.kind.decoder()(probabilities, self.charset, where=self.recipe.model)):
            records.append(
                {
                    "index": int(batch["index"][n]),
                    "pred": reverse_runs(result.text) if self.right_to_left else result.text,
                    "score": result.score,
                    "gt": self._truth(batch["gt"][n]),
                    **{key: batch[key][n] for key in ("name", "path", "shape", "angle", "direction")},
                }
            )
        return records

    def _truth(self, text: str) -> str:
        """A label in reading order; for published tables without the characters that have no class."""
        if self.recipe.eval.preprocess == "official":
            text = as_encoded(text, self.charset)
        turned = self.right_to_left and self.recipe.labels.order == "image"
        return reverse_runs(text) if turned else text

    def metric(self) -> Metric:
        """Accuracy and 1-NED, compared as `recipe.metric` says; see `RecMetric`."""
        return RecMetric(self.recipe.metric)

    def metric_options(self) -> list[str]:
        """What changes the accuracy's value besides the pre-processing."""
        options = ["spaces=dropped" if self.recipe.metric.ignore_space else "spaces=kept"]
        return [*options, "ASCII characters and digits only"] if self.recipe.metric.ascii_only else options

    def inference_spec(self) -> Mapping[str, Any]:
        """What inference.yml says; the keys PaddleX reads first, sealkit's own settings under `Sealkit`."""
        resize = self.recipe.resize
        return {
            "Global": {"model_name": self.recipe.model},
            "PreProcess": {
                "transform_ops": [
                    {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
                    {"RecResizeImg": {"image_shape": list(resize.image_shape)}},
                ]
            },
            "PostProcess": {"name": self.kind.post_process, "character_dict": list(self.charset.characters)},
            "Sealkit": {
                "module": self.name,
                "charset": {"id": self.charset.id, "hash": self.charset.hash},
                "resize": resize.model_dump(mode="json"),
            },
        }

    def checkpoint_extras(self) -> Mapping[str, Any]:
        """The keys "module", "model", "form", "auxiliary_head" (whether there is one) and "charset"."""
        return {
            "module": self.name,
            "model": self.recipe.model,
            "form": self.recipe.network.form,
            "auxiliary_head": self.auxiliary_head is not None,
            "charset": self.charset.to_dict(),
        }

    def report_parts(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Sections of report.html; see `report.report_parts`."""
        from sealkit.modules.text_recognition.report import report_parts

        return report_parts(records, self.recipe.metric)


__all__ = ["TextRecognitionTask"]

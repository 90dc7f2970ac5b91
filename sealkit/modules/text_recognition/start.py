"""Starting weights of a recogniser: from a checkpoint, a published file or a folded ONNX file, of one charset, into a
network of another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sealkit.errors import ConfigError
from sealkit.modules.text_recognition.characters import Characters, charset_of_weights
from sealkit.modules.text_recognition.extend import class_rows, remap
from sealkit.modules.text_recognition.models import MODELS
from sealkit.modules.text_recognition.settings import TextRecognitionRecipe
from sealkit.weights.loading import LoadReport, load_into, network_arrays
from sealkit.weights.sources import ResolvedWeights, read_arrays
from sealkit.weights.unpickle import strip_prefixes


def load_start(
    net: Any,
    recipe: TextRecognitionRecipe,
    characters: Characters,
    source: ResolvedWeights | Mapping[str, np.ndarray],
    allow_partial: bool = False,
) -> LoadReport:
    """Load weights into a recogniser; where their charset is another one, rows follow their characters.

    Args:
        net: network of `characters.charset`.
        source: where from; plain arrays are of the network's own charset.

    Raises:
        CharsetError: the weights' classes are not those of the charset they are said to have.
        ConfigError: a folded file for a network that is not.
        WeightsError: as `load_into`.
    """
    if not isinstance(source, ResolvedWeights):
        return load_into(net, source, allow_partial)
    start = charset_of_weights(source) or characters.start or characters.charset
    if source.graph is not None:
        arrays, found = _folded(recipe, source, start.num_classes), str(source)
    else:
        arrays, found = read_arrays(source)
        arrays = strip_prefixes(dict(arrays))
    rows = ((array.shape, class_rows(name)) for name, array in arrays.items())
    width = next((shape[place[1]] for shape, place in rows if place is not None and place[0] == "classes"), None)
    if width is not None:
        start.check_width(width, where=found)
    changed = start.hash != characters.charset.hash
    if changed:
        arrays = remap(arrays, start, characters.charset, network_arrays(net))
    report = load_into(net, arrays, allow_partial, where=found)
    if changed:
        known = sum(character in start.index for character in characters.charset.characters)
        fresh = len(characters.charset.characters) - known
        report.notes.append(f"rows of {known} characters copied by character, {fresh} characters new")
    return report


def _folded(recipe: TextRecognitionRecipe, source: ResolvedWeights, classes: int) -> dict[str, np.ndarray]:
    """Arrays of an ONNX file of the folded network, by state_dict name."""
    from sealkit.weights.onnx_import import import_graph

    if recipe.network.form != "fused":
        raise ConfigError(
            "these weights are of the folded network: BatchNorm and branches are gone",
            where="network.form",
            value=recipe.network.form,
            hint="set network.form: fused",
        )
    donor = MODELS[recipe.model].build(form="fused", auxiliary_head=False, classes=classes)
    import_graph(donor, source.path or "", np.zeros((1, 3, 48, 320), np.float32))
    return network_arrays(donor)


__all__ = ["load_start"]

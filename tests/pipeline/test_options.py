"""One class says what predict() takes: its signature, the command line and the service follow it."""

import argparse
import inspect

from sealkit.cli import infer
from sealkit.pipeline.options import PredictOptions
from sealkit.pipeline.seal_recognition import SealRecognitionPipeline
from sealkit.serving.schema import InferRequest


def test_the_signature_of_predict_is_that_of_the_class() -> None:
    parameters = list(inspect.signature(SealRecognitionPipeline.predict).parameters.values())[2:]
    assert [one.name for one in parameters] == [option.name for option in PredictOptions.infos()]
    assert all(one.default is None and one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for one in parameters)
    paddlex = ["use_doc_orientation_classify", "use_doc_unwarping", "use_layout_detection", "layout_det_res"]
    assert [one.name for one in parameters[:4]] == paddlex  # by position as there


def test_the_command_line_has_every_parameter_with_its_text() -> None:
    parser = argparse.ArgumentParser()
    infer.add_arguments(parser)
    actions = {action.dest: action for action in parser._actions}
    for option in PredictOptions.in_text():
        text = option.doc[0].lower() + option.doc[1:].rstrip(".")
        assert actions[option.name].option_strings == [option.flag] and actions[option.name].help.startswith(text)
    assert "layout_det_res" not in actions


def test_the_service_has_every_parameter_with_its_text() -> None:
    properties = InferRequest.model_json_schema()["properties"]
    for option in PredictOptions.in_text():
        assert properties[option.camel]["description"] == option.doc
    request = InferRequest(file="x", layoutThreshold={"16": 0.3}, sealDetLimitSideLen=640.0, layoutNms="true")
    assert request.parameters() == {
        "layout_threshold": {"16": 0.3}, "layout_nms": True, "seal_det_limit_side_len": 640,
    }  # fmt: skip

"""A flow is a list of stages: one is added as CONTRIBUTING says, and what a stage cannot do fails its page alone."""

from collections.abc import Callable

import numpy as np
import pytest

from sealkit.pipeline.context import Context, Stage
from sealkit.pipeline.flow import Flow
from sealkit.pipeline.page import Page
from sealkit.pipeline.stages import find_seals
from tests.pipeline.conftest import MakePipeline


def drop_small(page: Page, context: Context) -> None:
    """A stage between find_seals and detect."""
    kept = [seal for seal in page.seals if seal.found.long_side > 200]
    page.log.add("drop_small", dropped=len(page.seals) - len(kept))
    page.seals = kept


class WithoutSmall(Flow):
    after = next(n for n, stage in enumerate(Flow.stages, 1) if stage.run is find_seals.run)
    stages = (*Flow.stages[:after], Stage(drop_small), *Flow.stages[after:])


def test_a_stage_is_added(make_pipeline: MakePipeline, page: np.ndarray) -> None:
    pipeline = make_pipeline()
    pipeline.flow = WithoutSmall()
    (result,) = pipeline.predict(page)
    assert len(result["seal_res_list"]) == 1 and result["stages"]["drop_small"]["dropped"] == 1
    assert list(result["stages"])[:4] == ["search", "drop_small", "detection", "recognition"]


def test_a_stage_that_fails_on_a_page_fails_it_alone(
    make_pipeline: MakePipeline, page: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    def fussy(one: Page, context: Context) -> None:
        if one.image.max() < 200:
            raise IndexError("nothing bright")

    class Fussy(Flow):
        stages = (Stage(fussy), *Flow.stages)

    pipeline = make_pipeline(batch_size=3)
    pipeline.flow = Fussy()
    results = list(pipeline.predict([page, np.zeros_like(page), page]))
    assert [result.ok for result in results] == [True, False, True]
    assert "IndexError: nothing bright" in results[1]["error"] and results[1]["seal_res_list"] == []
    assert len(results[0].texts) == len(results[2].texts) == 4


def test_pages_of_a_group_go_together_up_to_the_last_stage_that_takes_several(
    make_pipeline: MakePipeline, page: np.ndarray
) -> None:
    order = []

    def note(name: str) -> Callable[[Page, Context], None]:
        return lambda one, context: order.append(name)

    together = Stage(note("single"), lambda pages, context: order.append(str(len(pages))))

    class Noted(Flow):
        stages = (Stage(note("before")), together, Stage(note("after")), *Flow.stages[2:])

    pipeline = make_pipeline(batch_size=2)
    pipeline.flow = Noted()
    list(pipeline.predict([page] * 3))
    assert order == ["before", "before", "2", "after", "after", "before", "1", "after"]

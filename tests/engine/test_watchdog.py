"""The watchdog ends processes, so it is tried in one of its own."""

import subprocess
import sys
import textwrap

STALL = textwrap.dedent(
    """
    import time
    from sealkit.engine.distributed import World
    from sealkit.engine.watchdog import Watchdog
    with Watchdog(World(), stall_seconds=0.4) as watchdog:
        watchdog.beat(6)
        def stuck_here():
            time.sleep(30)
        stuck_here()
    """
)


def test_a_run_in_which_nothing_moves_ends_with_its_stacks() -> None:
    done = subprocess.run([sys.executable, "-c", STALL], capture_output=True, text=True, timeout=25)
    assert done.returncode == 5
    assert "no progress for" in done.stderr and "at: step 7" in done.stderr and "stuck_here" in done.stderr


def test_a_run_that_moves_is_left_alone() -> None:
    script = STALL.replace("time.sleep(30)", "[(time.sleep(0.1), watchdog.busy('evaluation')) for _ in range(8)]")
    assert subprocess.run([sys.executable, "-c", script], timeout=25).returncode == 0

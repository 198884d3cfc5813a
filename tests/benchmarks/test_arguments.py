"""A number of trials that says nothing is refused before anything is simulated."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks import familywise, power_promise, sequential, whole_tables


@pytest.mark.parametrize("main", [part.main for part in (familywise, power_promise, sequential, whole_tables)])
@pytest.mark.parametrize("trials", ["0", "-3", "1.5", "many"])
def test_no_trials_are_refused(
    main: Callable[[list[str]], None], trials: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([f"--trials={trials}"])
    assert caught.value.code == 2
    assert f"'{trials}': give a whole number, 1 or more" in capsys.readouterr().err

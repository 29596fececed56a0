"""Each refusal that the road can meet: its exit code, its cause, its fix, and that nothing is left alive."""

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from jobs import on, quick_start
from nomad_token_lab import Lab
from refusals import REFUSALS, Refusal
from transcript import Page


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_refusal(refusal: Refusal, tmp_path: Path, page: SnapshotAssertion) -> None:
    """The exit code, the cause and the fix are as they should be; nothing is alive, and the post-step agrees."""
    with Lab(trust=True, dialect=refusal.dialect, regions=refusal.regions) as lab:
        refusal.arrange(lab)
        lab.mark()
        step = on(lab, tmp_path)
        main = step.main(quick_start(lab) | refusal.inputs)
        lab.vault.sealed = False
        post = step.post()
        lab.settle()

        assert main.code == refusal.code
        said = main.log.replace("%0A", "\n")
        assert [text for text in refusal.says if text not in said] == []
        assert "NOMAD_TOKEN" not in main.variables
        assert post.code == 0
        assert not lab.nomad.live_tokens()
        assert page == Page(lab).step("main", main).step("post", post).alive()

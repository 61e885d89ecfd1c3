"""SAM in several processes: replicas stay equal, `global` is one process, `rank` is silent, shards are parts of one norm."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from kinj.train.processes import ALONE
from tests.train.ranks import SAM, Toy, alone, launch, rows, stepper

Found = list[dict[str, Any]]


@pytest.fixture(scope="module", params=[2, pytest.param(4, marks=pytest.mark.slow)])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What every process found, for groups of two and (slow) four."""
    return launch(request.param, tmp_path_factory.mktemp("ranks"))


def assert_close(a: dict[str, Any], b: dict[str, Any]) -> None:
    for x, y in zip(a["weights"], b["weights"], strict=True):
        torch.testing.assert_close(x, y, atol=2e-5, rtol=1e-3)
    for key in ("loss", "norm"):
        assert a[key] == pytest.approx(b[key], rel=1e-4)
    assert a["tokens"] == b["tokens"]
    for key in ("gap", "ratio"):
        assert [v is None for v in a[key]] == [v is None for v in b[key]]
        assert [v for v in a[key] if v is not None] == pytest.approx([v for v in b[key] if v is not None], rel=1e-2)


def equal_bits(found: Found, *path: str) -> bool:
    def weights(process: Any) -> list[torch.Tensor]:
        for key in path:
            process = process[key]
        return process["weights"]  # type: ignore[no-any-return]

    return all(torch.equal(a, b) for other in found[1:] for a, b in zip(weights(found[0]), weights(other), strict=True))


@pytest.mark.parametrize("name", SAM)
def test_global_scope_equals_one_process_and_replicas_stay_equal(found: Found, name: str) -> None:
    assert equal_bits(found, "replicated", name)
    assert_close(found[0]["replicated"][name], alone(**SAM[name]))


@pytest.mark.parametrize("name", SAM)
def test_sharded_weights_take_the_same_steps(found: Found, name: str) -> None:
    ours, one = found[0]["sharded"][name], alone(**SAM[name])
    assert_close(ours, one)
    for a, b in zip(ours["shift"], one["shift"], strict=True):
        assert (a is None) == (b is None)
        for x, y in zip(a or (), b or (), strict=True):
            assert x == (None if y is None else pytest.approx(y, rel=1e-3, abs=1e-3))


def test_sharded_weights_come_back_bit_for_bit(found: Found) -> None:
    assert all(process["sharded_restore"] == {"moved": True, "same": True} for process in found)


def test_norm_over_shards_is_the_norm(found: Found) -> None:
    for process in found:
        whole = process["norms"]["whole"]
        assert process["norms"] == pytest.approx({"whole": whole, "sharded": whole, "by_hand": whole}, rel=1e-6)


def test_rank_scope_sends_nothing_in_the_first_pass(found: Found) -> None:
    assert [process["silent_first_pass"]["during"] for process in found] == [0] * len(found)
    assert all(process["silent_first_pass"]["before"] > 0 for process in found)
    assert equal_bits(found, "silent_first_pass")


def test_rank_scope_is_one_move_per_process_and_replicas_stay_equal(found: Found) -> None:
    """Against a loop in one process: each share's gradient is taken at weights moved along that share's own gradient."""
    assert equal_bits(found, "own_directions")
    size = len(found)
    model = Toy()
    s = stepper(model, ALONE, None, rho=0.5)
    for step in range(4):
        total = [torch.zeros_like(p) for p in s.parameters]
        whole = s.share(rows(step))
        for rank in range(size):
            share = sorted(rows(step), key=len, reverse=True)[rank::size]
            cut = s.share(share)
            s.optimizer.zero_grad()
            s.backward(cut.batches, whole.label_tokens)
            assert s.ascent is not None
            with s.ascent.shifted():
                s.backward(cut.batches, whole.label_tokens)
            for t, p in zip(total, s.parameters, strict=True):
                t += p.grad if p.grad is not None else 0
        for t, p in zip(total, s.parameters, strict=True):
            p.grad = t
        torch.nn.utils.clip_grad_norm_(s.parameters, 1.0)
        s.optimizer.step()
    for a, b in zip(found[0]["own_directions"]["weights"], s.parameters, strict=True):
        torch.testing.assert_close(a, b.detach(), atol=2e-5, rtol=1e-3)


def test_rank_scope_with_sharded_weights_is_refused(found: Found) -> None:
    assert all("needs whole weights in every process" in process["refused"] for process in found)

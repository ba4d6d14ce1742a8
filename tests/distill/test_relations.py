import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgecsi.distill.relations import check_heads, relation_loss
from edgecsi.errors import ModelError
from edgecsi.models.prediction import Relations

PROMPTS, TOKENS = 2, 7


def relations(rows, widths, seed=0):
    random = torch.Generator().manual_seed(seed)
    parts = (torch.randn(rows, TOKENS, width, generator=random) for width in widths)
    return Relations(*parts, prompts=PROMPTS)


TEACHER = relations(3, (16, 8, 8), seed=1)
STUDENT = relations(3, (12, 12, 12), seed=2)


def softmax(scores):
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


def relation_rows(vectors, heads):
    """Rows of the relation matrices of one row's tokens [token, width], head by head."""
    for a in np.split(vectors, heads, axis=1):
        for token in a:
            yield softmax(np.array([token @ other for other in a]) / np.sqrt(a.shape[1]))


def slow_loss(teacher, student, heads, first_token):
    """Equations 22 to 25 as they are written, one row of a relation matrix at a time."""
    total = 0.0
    for part in ("query", "key", "value"):
        pairs = zip(getattr(teacher, part).numpy(), getattr(student, part).numpy(), strict=True)
        divergences = [
            sum(p * np.log(p / q))
            for theirs, ours in pairs
            for p, q in zip(
                relation_rows(theirs[first_token:].astype(float), heads),
                relation_rows(ours[first_token:].astype(float), heads),
                strict=True,
            )
        ]
        total += sum(divergences) / len(divergences)
    return total


@pytest.mark.parametrize(("scope", "first_token"), [("all", 0), ("csi", PROMPTS)])
@pytest.mark.parametrize("heads", [1, 4])
def test_it_is_what_the_equations_say(heads, scope, first_token):
    expected = slow_loss(TEACHER, STUDENT, heads, first_token)
    assert relation_loss(TEACHER, STUDENT, heads, scope).item() == pytest.approx(expected, rel=1e-4)


@given(seed=st.integers(0, 999), heads=st.sampled_from([1, 2, 4]))
def test_zero_for_the_same_and_positive_for_others(seed, heads):
    one, other = relations(2, (8, 8, 8), seed), relations(2, (8, 8, 8), seed + 1000)
    assert relation_loss(one, one, heads, "all").item() == pytest.approx(0, abs=1e-6)
    assert relation_loss(one, other, heads, "all").item() > 0


def test_scope_csi_does_not_look_at_prompts():
    changed = relations(3, (16, 8, 8), seed=1)
    for part in (changed.query, changed.key, changed.value):
        part[:, :PROMPTS] += 5
    same, different = (
        relation_loss(TEACHER, STUDENT, 4, scope) - relation_loss(changed, STUDENT, 4, scope)
        for scope in ("csi", "all")
    )
    assert same.item() == 0
    assert abs(different.item()) > 1e-3


def test_size_does_not_depend_on_the_batch():
    def repeat(who):
        return Relations(*(part.repeat(5, 1, 1) for part in (who.query, who.key, who.value)), prompts=PROMPTS)

    once = relation_loss(TEACHER, STUDENT, 4, "all").item()
    assert relation_loss(repeat(TEACHER), repeat(STUDENT), 4, "all").item() == pytest.approx(once, rel=1e-5)


def test_in_single_precision_also_under_autocast():
    exact = relation_loss(TEACHER, STUDENT, 4, "all")
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(relation_loss(TEACHER, STUDENT, 4, "all"), exact)


def test_half_precision_targets_are_raised_first():
    half = Relations(*(part.half() for part in (TEACHER.query, TEACHER.key, TEACHER.value)), prompts=PROMPTS)
    loss = relation_loss(half, STUDENT, 4, "all")
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(relation_loss(TEACHER, STUDENT, 4, "all").item(), rel=1e-2)


def test_descending_the_loss_makes_the_relations_equal():
    torch.manual_seed(0)
    parts = [torch.randn(3, TOKENS, 12, requires_grad=True) for _ in range(3)]
    optimizer = torch.optim.Adam(parts, lr=0.1)
    for _ in range(200):
        loss = relation_loss(TEACHER, Relations(*parts, prompts=PROMPTS), 4, "all")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05 * relation_loss(TEACHER, STUDENT, 4, "all").item()


STUDENT_WIDTHS = {"query": 128, "key": 128, "value": 128}


@pytest.mark.parametrize(
    "widths",
    [(768, 768, 768), (896, 128, 128), (576, 192, 192)],
    ids=["gpt2", "qwen2.5-0.5b", "smollm2"],
)
def test_32_heads_fit_every_backbone(widths):
    check_heads(32, dict(zip(STUDENT_WIDTHS, widths, strict=True)), STUDENT_WIDTHS)


@pytest.mark.parametrize("heads", [12, 24, 48])
def test_heads_that_do_not_divide_name_what_does(heads):
    smollm2 = {"query": 576, "key": 192, "value": 192}
    with pytest.raises(
        ModelError, match=rf"{heads} relation heads don't divide the .* choose a divisor of 64"
    ):
        check_heads(heads, smollm2, STUDENT_WIDTHS)


def test_parts_add_up_to_the_whole():
    parts = [relation_loss(TEACHER, STUDENT, 4, "csi", (part,)) for part in ("query", "key", "value")]
    assert min(parts) > 0
    torch.testing.assert_close(sum(parts), relation_loss(TEACHER, STUDENT, 4, "csi"))

import torch
import torch.nn.functional as F

from edgecsi.models.alignment import CrossModalAlignment, SemanticPrompts, alignment_score


def test_cross_attention_is_the_written_formula():
    torch.manual_seed(0)
    module = CrossModalAlignment(32, torch.randn(20, 32)).eval()
    y_time = torch.randn(3, 5, 32)
    words = module.prototypes.weight @ module.dictionary + module.prototypes.bias[:, None]
    heads = [
        part.chunk(16, dim=-1) for part in (module.query(y_time), module.key(words), module.value(words))
    ]
    mixed = [(q @ k.T / 2**0.5).softmax(-1) @ v for q, k, v in zip(*heads, strict=True)]  # head width 2
    expected = module.out(torch.cat(mixed, dim=-1))
    torch.testing.assert_close(module._attend_to_dictionary(y_time), expected, rtol=1e-4, atol=1e-5)


def test_the_gate_mixes_words_and_time():
    torch.manual_seed(0)
    module = CrossModalAlignment(32, torch.randn(20, 32)).eval()
    tokens = torch.randn(3, 5, 32)
    torch.nn.init.zeros_(module.gate.weight)
    with torch.no_grad():
        y_time = module.within_csi(tokens)
        for bias, expected in ((-100.0, y_time), (100.0, module._attend_to_dictionary(y_time))):
            torch.nn.init.constant_(module.gate.bias, bias)
            torch.testing.assert_close(module(tokens), expected)


def test_prompts_are_the_four_anchors_nearest_to_the_mean_token():
    torch.manual_seed(0)
    module = SemanticPrompts(torch.randn(20, 32))
    y_text = torch.randn(6, 5, 32)
    prompts = module(y_text)
    anchors = module.anchors.weight @ module.dictionary + module.anchors.bias[:, None]
    similarity = F.normalize(y_text.mean(1), dim=-1) @ F.normalize(anchors, dim=-1).T
    assert anchors.shape == (100, 32)
    for row in range(6):
        best = sorted(range(100), key=lambda anchor: -similarity[row, anchor].item())[:4]
        torch.testing.assert_close(prompts[row], anchors[best])


def test_score_of_aligned_and_opposed_prompts():
    mean = torch.randn(2, 1, 32)
    tokens = mean.expand(-1, 5, -1)
    torch.testing.assert_close(alignment_score(tokens, 3 * mean.expand(-1, 4, -1)), torch.tensor(1.0))
    torch.testing.assert_close(alignment_score(tokens, -mean.expand(-1, 4, -1)), torch.tensor(-1.0))

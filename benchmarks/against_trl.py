"""What TRL makes of the same small language model, reward model and price of a nat, beside this project's runs.

TRL's RLOO (Ahmadian et al. 2024) is REINFORCE with the mean of the other sentences as its baseline: what the suite rlhf
calls `reinforce with baseline`. Here it tunes the same pretrained weights, against the same reward model, with the same
price of leaving the start, step size, sentences per update and number of updates; ten seeds. What comes out should be
the same but for chance: the one difference left is that the price of a token is counted against the whole sentence, not
against it and the tokens before it alone, which changes the gradient's variance and not its mean.

    pip install trl
    python benchmarks/against_trl.py results/rlhf

Development only: nothing of the package rests on it.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from scipy.stats import ttest_ind
from stable_baselines3.common.policies import ActorCriticPolicy
from tokenizers import Tokenizer, models
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    GenerationMixin,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.modeling_outputs import BaseModelOutput, CausalLMOutput
from trl import RLOOConfig, RLOOTrainer
from trl import __version__ as trl_version

import bench
from bench.rlhf.environment import ACTIONS, OBSERVATIONS
from bench.rlhf.policy import PretrainedPolicy
from bench.rlhf.reward_model import reward_model
from bench.rlhf.world import LENGTH, VOCABULARY, beginning, encoded, true_reward

SEEDS = range(10)
PRICE = 0.1
"""Deviations of learned reward that a nat costs."""
UPDATES, AT_ONCE = 624, 8
"""As many updates as the suite's runs make of their 60,000 tokens, of eight sentences each."""
RATE = 1e-3
LABEL = f"reinforce with baseline kl_to_start={PRICE}"
TOLD = ("true reward", "learned reward in the last tenth of training", "nats from the start, there")
LOOKS = 200
"""Sentences that a tuned policy is judged by, as in the suite."""
START, PAD = VOCABULARY, VOCABULARY + 1
NEVER = -1e4
"""Logit of a token that is no token of a sentence."""


class Config(PreTrainedConfig):  # type: ignore[misc]  # where TRL is not installed it has no types
    """The sizes of the network, under the names that TRL looks for."""

    model_type = "sentence"

    def __init__(self, **keywords: Any) -> None:
        """Take what a saved model says of itself."""
        super().__init__(**keywords)
        self.vocab_size, self.hidden_size, self.num_hidden_layers = VOCABULARY + 2, 64, 2
        self.bos_token_id, self.pad_token_id, self.eos_token_id = START, PAD, PAD
        self.auto_map: dict[str, str] = {}


class Body(PreTrainedModel):  # type: ignore[misc]  # as above
    """Token numbers in, the policy's last hidden layer at every place out."""

    config_class = Config

    def __init__(self, config: Config) -> None:
        """Make the network; its weights come from `tuned_from`."""
        super().__init__(config)
        size = LENGTH * VOCABULARY
        self.layers = nn.Sequential(nn.Linear(size, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.post_init()

    def forward(self, input_ids: torch.Tensor, **_: Any) -> BaseModelOutput:
        """Return hidden layers, (sentences, places, 64): at place i of what was written before it."""
        written = input_ids[:, 1:].numpy()
        whole = np.full((len(written), LENGTH), -1)
        whole[:, : written.shape[1]] = np.where(written < VOCABULARY, written, 0)
        seen = [torch.as_tensor(encoded(beginning(whole, place))) for place in range(written.shape[1] + 1)]
        return BaseModelOutput(last_hidden_state=self.layers(torch.stack(seen, dim=1)))


class Writer(PreTrainedModel, GenerationMixin):  # type: ignore[misc]  # as above
    """The policy as a causal language model."""

    config_class = Config
    base_model_prefix = "body"

    def __init__(self, config: Config) -> None:
        """Make body and head."""
        super().__init__(config)
        self.body = Body(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size)
        self.post_init()

    def get_output_embeddings(self) -> nn.Linear:
        """Return the layer that makes logits."""
        return self.lm_head

    def forward(self, input_ids: torch.Tensor, **_: Any) -> CausalLMOutput:
        """Return the logits of the token that comes next, at every place."""
        return CausalLMOutput(logits=self.lm_head(self.body(input_ids).last_hidden_state))


def tuned_from(policy: ActorCriticPolicy) -> Writer:
    """Return a language model with the weights of a policy; the two special tokens never come."""
    model = Writer(Config())
    head: Any = policy.action_net
    model.body.layers.load_state_dict(policy.mlp_extractor.policy_net.state_dict())
    with torch.no_grad():
        model.lm_head.weight.zero_()
        model.lm_head.weight[:VOCABULARY] = head.weight
        model.lm_head.bias[:VOCABULARY], model.lm_head.bias[VOCABULARY:] = head.bias, NEVER
    return model


def tokenizer() -> PreTrainedTokenizerFast:
    """Return one that knows a word for each token."""
    words = {**{f"t{number}": number for number in range(VOCABULARY)}, "<s>": START, "<pad>": PAD}
    signs = {"bos_token": "<s>", "eos_token": "<pad>", "pad_token": "<pad>"}
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(words, "<pad>")), **signs)


def tune(start: Path, seed: int, folder: str) -> tuple[Writer, dict[str, Any]]:
    """Return the language model that TRL's RLOO has tuned, and what it told of the last tenth of its updates."""
    pays = reward_model(0).reward

    def learned(completion_ids: list[list[int]], **_: Any) -> list[float]:
        return [float(one) for one in pays(np.array(completion_ids))]

    asked = RLOOConfig(
        output_dir=folder,
        seed=seed,
        beta=PRICE,
        learning_rate=RATE,
        lr_scheduler_type="constant",
        weight_decay=0.0,
        max_grad_norm=1e9,
        adam_epsilon=1e-8,
        num_generations=AT_ONCE,
        per_device_train_batch_size=AT_ONCE,
        gradient_accumulation_steps=1,
        max_steps=UPDATES,
        max_completion_length=LENGTH,
        temperature=1.0,
        top_k=0,
        use_cpu=True,
        bf16=False,
        activation_checkpointing=False,
        save_strategy="no",
        report_to=[],
        logging_steps=UPDATES // 10,
        disable_tqdm=True,
        generation_kwargs={"use_cache": False},
    )
    prompts = Dataset.from_dict({"prompt": ["<s>"] * AT_ONCE})
    model = Writer.from_pretrained(start)
    trainer = RLOOTrainer(
        model=model, reward_funcs=learned, args=asked, train_dataset=prompts, processing_class=tokenizer()
    )
    trainer.train()
    return model, [row for row in trainer.state.log_history if "kl" in row][-1]


def finals(model: Writer, rng: np.random.Generator) -> float:
    """Return the mean true reward of `LOOKS` sentences that a model draws."""
    found = np.full((LOOKS, LENGTH), -1)
    with torch.no_grad():
        for place in range(LENGTH):
            seen = torch.as_tensor(encoded(beginning(found, place)))
            chances = torch.softmax(model.lm_head(model.body.layers(seen))[:, :VOCABULARY].double(), dim=1).numpy()
            drawn = (np.cumsum(chances, axis=1) < rng.random((LOOKS, 1))).sum(axis=1)
            found[:, place] = np.minimum(drawn, VOCABULARY - 1)
    return float(true_reward(found).mean())


def theirs(start: Path, folder: str) -> NDArray[np.float64]:
    """Return (seeds, 3): what the runs of TRL came to, in the order of `TOLD`."""
    rows = []
    for seed in SEEDS:
        model, told = tune(start, seed, folder)
        gain, nats = told["rewards/learned/mean"], LENGTH * told["kl"]
        rows.append((finals(model, np.random.default_rng([seed, 1])), gain, nats))
        print(f"trl, seed {seed}: {rows[-1]}", file=sys.stderr, flush=True)
    return np.array(rows)


def ours(results: Path) -> NDArray[np.float64]:
    """Return (seeds, 3): what the stored runs came to, in the same order."""
    frames = bench.load(results)
    trials = frames["trials"].query("label == @LABEL").set_index("seed")
    last = frames["diagnostics"].query("label == @LABEL and point == point.max()")
    told = last.pivot_table(index="seed", columns="name", values="value")
    return np.column_stack([trials["final_return"], told["training_return"], told["kl_to_start"]])


def main() -> None:
    """Tune ten times, and print what came out beside the stored runs."""
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    AutoConfig.register("sentence", Config)
    AutoModelForCausalLM.register(Config, Writer)
    stored = ours(Path(sys.argv[1]))
    with tempfile.TemporaryDirectory() as folder:
        start = Path(folder) / "start"
        tuned_from(PretrainedPolicy(OBSERVATIONS, ACTIONS, lambda _: RATE)).save_pretrained(start)
        found = theirs(start, folder)
    print(f"trl {trl_version}: {UPDATES} updates of {AT_ONCE} sentences, {PRICE} of learned reward a nat")
    for name, mine, its in zip(TOLD, stored.T, found.T, strict=True):
        gap = ttest_ind(mine, its, equal_var=False)
        limits = gap.confidence_interval()
        print(
            f"{name}: bench {mine.mean():.3f} (SD {mine.std(ddof=1):.3f}), TRL {its.mean():.3f} "
            f"(SD {its.std(ddof=1):.3f}), difference {mine.mean() - its.mean():+.3f} "
            f"[{limits.low:+.3f}, {limits.high:+.3f}], p = {gap.pvalue:.2g}"
        )


if __name__ == "__main__":
    main()

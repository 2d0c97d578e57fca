"""Teachers: sources of candidate diffs for real error states.

`teacher` is the interface and the stage. `history` proposes the user's own later fix, minimized to what the
diagnostic needs. `rules` are rule-based fixes by the server's message. `lm` asks a large language model
through a DSPy program (`program`, with examples from `few_shot` and the adapter in `dspy_program`, compiled
by `optimizer`); `client` has the replies' parser (`reply`), the response cache (`response_cache`), the rate
limit and the budget (`limits`); `judge` asks a model whether a verified diff is right.
"""

import os

# Before DSPy and LiteLLM are imported: they would fetch their price list from the network.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

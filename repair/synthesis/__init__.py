"""Teachers: whoever proposes a diff for a real error state.

`teacher` is the interface and the stage; `history` takes the user's own later fix, shrunk to what the
diagnostic needs; `rules` knows a few slips by the server's message; `lm` asks a large language model through
a DSPy program (`program`, its examples from `few_shot`, its messages from `sentinel_adapter`, compiled by
`optimize`); `asking` keeps each answer that was paid for (`answers`) and holds to the limits (`limits`).
`judge` asks a model in the same way whether a verified diff is right.
"""

import os

# Before DSPy and LiteLLM are imported: they would fetch their price list from the network.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

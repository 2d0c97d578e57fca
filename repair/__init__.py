"""The domain of code repair. The packages in the order of the data, each with the asset that it makes:

| package | what | asset |
|---|---|---|
| `sources` | importers: git, OT exports, session events, a simulated typist | |
| `recording` | a recording on disk: events and projects | `session_events` |
| `ot`, `replay` | OT packets, and the texts of a file and of a project at a moment | |
| `error_states` | episodes, sampling, replay to each sampled diagnostic, reproduction | `error_states`, \
`reproduced_diagnostics` |
| `language_servers` | pyright and ruff: pool, scheduler, cache, HTTP | |
| `curation` | what may be learned from: policy, quality, privacy, near-duplicates | `repair_candidates` |
| `synthesis` | teachers: history, rules, a language model | `few_shot_examples`, `teacher_program`, \
`synthesized_diffs` |
| `line_diff`, `verification` | line diffs; whether one repairs its diagnostic; proofs | `verified_diffs` |
| `prompt`, `dataset` | the prompt schema; examples, splits, mixture | `repair_examples`, `daily_examples`, \
`training_mixture` |
| `models`, `training` | whatever answers a prompt; recipes, packing, the training program | `checkpoint`, \
`predictions` |
| `evaluation`, `sandbox` | benchmarks, metrics, reports; a stranger's program, contained | `eval_results`, \
`scorecard` |

Below all of them: `text`, `diagnostics`, `schema`, `store`, `execution`; `database`, `configuration`,
`ordered_map`, `errors`. `cli` is the command `repair`.

Nothing here imports Dagster, Spark or a cloud: everything can be used from a plain Python prompt.
"""

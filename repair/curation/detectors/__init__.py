"""Detectors of secrets and personal data: each yields findings in a text, and replaces nothing.

| module | detects |
|---|---|
| `key_blocks` | private keys: PEM blocks, PuTTY files, age identities |
| `credentials` | passwords in URLs, `Bearer` and `Basic` headers, `-u user:password` |
| `tokens` | keys and tokens by their shapes: Kingfisher's rules, and shapes that those do not know |
| `named` | the string that a name like `api_key` or `password` gets, in code, in `.env` and in YAML |
| `random_values` | long random values without a telling name |
| `contacts` | e-mail addresses and telephone numbers |
| `home_folders` | user names in paths |
| `numbers` | IP and MAC addresses, payment cards, IBANs, social security numbers |

`repair.curation.privacy` resolves overlaps and replaces.
"""

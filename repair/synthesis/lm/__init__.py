"""The language-model teacher: client, response cache, limits, programs, optimizer, judge."""

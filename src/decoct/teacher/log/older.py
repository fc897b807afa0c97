"""A log of the first version, to be looked at as it stands, as if it had today's tables."""

from __future__ import annotations

_STATE = "CASE WHEN content IS NULL THEN 'refused' ELSE 'answered' END"

# Temporary views hide the file's own table of the same name from the queries of `view.py`.
FIRST_VERSION: tuple[str, ...] = (
    """
    CREATE TEMP VIEW prompts AS
    SELECT rowid AS id, task, backend, model, prompt_hash, parameters, system, schema
    FROM main.calls
    """,
    "CREATE TEMP VIEW parts AS SELECT '' AS whole, 0 AS number, 0 AS item_id WHERE FALSE",
    f"""
    CREATE TEMP VIEW attempts AS
    SELECT rowid AS call_id, 1 AS number, created_at AS started_at, latency_s,
        {_STATE} AS outcome, NULL AS error,
        prompt_tokens, completion_tokens, 0 AS cached_prompt_tokens
    FROM main.calls
    """,
    f"""
    CREATE TEMP VIEW calls AS
    SELECT rowid AS id, key, rowid AS prompt_id, document_id, sample, 0 AS pack, NULL AS part_of,
        0 AS n_turns, created_at AS asked_at, created_at AS changed_at, {_STATE} AS state,
        NULL AS waiting_in, answered_model, prompt_tokens, completion_tokens,
        0 AS cached_prompt_tokens, finish_reason, latency_s, answered_prompt_hash, refusal,
        '' AS detail, user, '[]' AS turns, content
    FROM main.calls
    """,
)

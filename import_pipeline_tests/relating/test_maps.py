"""Map fields: several rows and what is stored, merged as row by row (model/field.py)."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.parsing.gathering import object_text
from import_pipeline_tests.referral_bench import bench

texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=4).filter(lambda t: t.strip() == t)
maps = st.dictionaries(st.sampled_from(("a", "b", "c")), st.one_of(st.none(), texts), max_size=3)
rows = st.lists(st.tuples(st.sampled_from(("x", "y")), maps), min_size=1, max_size=5)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(st.lists(rows, min_size=1, max_size=3))
def test_keys_given_are_set_and_all_others_stay_as_row_by_row(deliveries: list[list[tuple[str, dict[str, str | None]]]]) -> None:
    """The values at the end, and what each row counts as where the record changes."""
    stored: dict[str, dict[str, str]] = {}
    with bench() as made:
        for number, sent in enumerate(deliveries, 1):
            named = [{"userKey": f"a/{name}", "accountId": "a", "id": name, "customFields": object_text(entries)} for name, entries in sent]
            counts = made.run("User", named, format_name="users", number=number)[f"job{number:05d}"]
            before, created, changing = {name: dict(entries) for name, entries in stored.items()}, 0, {}
            for name, entries in sent:
                own = {key: text for key, text in entries.items() if text}
                created += name not in stored
                changing.setdefault(name, []).append(name in stored and stored[name] | own != stored[name])
                stored[name] = stored.get(name, {}) | own
            updates = sum(sum(told) for name, told in changing.items() if stored[name] != before.get(name))
            assert (counts.get("create", 0), counts.get("update", 0)) == (created, updates)
        found = dict(made.session.run('SELECT id, "customFields" FROM store."user" WHERE id <> \'u\''))
    assert {name: json.loads(text) if text else {} for name, text in found.items()} == stored
    assert all(text is None or text == object_text(json.loads(text)) for text in found.values())

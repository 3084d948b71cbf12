"""What an account may state about territories (acceptance S-14).

Belongs here: the setting in defs.yaml and the type that comes of it. Does not belong here: importing territories (scenarios/).
"""

from pathlib import Path

from import_pipeline.catalog import load_account
from import_pipeline_tests.catalog.folders import SOUND, write_account

STATED = SOUND["defs.yaml"].replace("[Account, Contact]}", "[Account, Territory]}\n  territories: {tolerance: 2%}")


def test_an_account_with_territories_has_their_type_behind_its_own_and_relates_it_first(tmp_path: Path) -> None:
    """Records are placed in the territories that the same delivery brings."""
    loaded = load_account(write_account(tmp_path, defs=STATED))
    assert loaded.faults == ()
    assert loaded.account is not None and loaded.account.territories is not None
    assert loaded.account.territories.tolerance == 0.02
    assert [t.name for t in loaded.account.object_types] == ["Account", "Contact", "Territory"]
    assert [t.name for t in loaded.account.parents_first] == ["Territory", "Account", "Contact"]
    assert loaded.account.exports.daily == ("Account", "Territory")


def test_without_the_setting_there_is_no_such_type(tmp_path: Path) -> None:
    """An export of it is a fault, and a type of that name is the account's own."""
    plain = STATED.partition("\n  territories")[0] + "\n"
    loaded = load_account(write_account(tmp_path, defs=plain))
    assert loaded.account is not None and loaded.account.territory_type is None
    assert [(f.path, f.message.partition(";")[0]) for f in loaded.faults] == [
        ("attributes.exports.daily[1]", "unknown object type 'Territory'")
    ]
    own = load_account(write_account(tmp_path, defs=plain, object_types__own="name: Territory\nfields: [{name: Region}]\n"))
    assert own.account is not None and own.account.territory_type is None
    assert own.faults == ()


def test_with_the_setting_the_name_is_taken(tmp_path: Path) -> None:
    """Two types of one name would share a table."""
    loaded = load_account(write_account(tmp_path, defs=STATED, object_types__own="name: territory\nfields: [{name: Region}]\n"))
    assert [(f.file.name, f.path) for f in loaded.faults] == [("own.yaml", "name")]
    assert loaded.account is not None
    assert [t.name for t in loaded.account.object_types] == ["Account", "Contact", "Territory"]

"""Apply on real hosts: all of it stands, or nothing, to the byte, the owner and the unit's state."""

from __future__ import annotations

from tests.lab.host import LabHost
from tests.on_host import FPM, NGINX, POOL, SITE, create, leftovers, on

HEADER = (b"    index index.php;\n", b"    index index.php;\n    add_header X-Edited yes;\n")


def test_an_edit_is_swapped_reloaded_and_served(web1: LabHost) -> None:
    with on(web1) as at:
        outcome = at.commit(at.edit(SITE, HEADER), at.act("reload", NGINX))
    assert outcome.state == "committed"
    assert b"X-Edited: yes" in web1.sh("curl -si -H 'Host: shop.example' http://127.0.0.1/")
    assert leftovers(web1) == ""


def test_what_is_not_confirmed_is_undone_when_asked(web1: LabHost) -> None:
    before = web1.read(SITE)
    with on(web1) as at:
        transaction = at.transaction(at.edit(SITE, HEADER), at.act("reload", NGINX))
        assert transaction.begin().state == "await"
        assert b"X-Edited: yes" in web1.sh("curl -si -H 'Host: shop.example' http://127.0.0.1/")
        outcome = transaction.undo()
    assert outcome.state == "rolled_back", outcome
    assert web1.read(SITE) == before
    assert b"X-Edited" not in web1.sh("curl -si -H 'Host: shop.example' http://127.0.0.1/")
    assert leftovers(web1) == ""

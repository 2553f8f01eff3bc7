import pytest

from readmission.errors import Busy
from readmission.prediction.place import Place


def test_who_finds_no_place_is_refused():
    place = Place(1, "explanations")

    with place, pytest.raises(Busy, match="explanations"):
        place.__enter__()


def test_a_place_is_free_again_after_an_error():
    place = Place(1, "explanations")

    with pytest.raises(ValueError, match="broken"), place:
        raise ValueError("broken")

    with place:
        pass


def test_there_are_as_many_places_as_were_asked_for():
    place = Place(2, "explanations")

    with place, place, pytest.raises(Busy):
        place.__enter__()

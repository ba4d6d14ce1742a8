"""Recipes: what a run is asked for, in YAML, profiles and changes."""

import pytest
import yaml

from edgecsi.errors import EdgeCsiError
from edgecsi.models import load_config
from edgecsi.models.shipped import FOLDER
from edgecsi.stages.recipe import PROFILES, Recipe, read_recipe, settings, write_recipe

SHIPPED = sorted(path.parent for path in FOLDER.glob("*/config.json"))


@pytest.mark.parametrize("profile", PROFILES)
def test_a_recipe_survives_its_file(tmp_path, profile):
    recipe = PROFILES[profile].changed({"targets": ("ort-fp32",), "student.snr_db": "5-25"})
    write_recipe(tmp_path / "recipe.yaml", recipe)
    assert read_recipe(tmp_path / "recipe.yaml", PROFILES["full"]) == recipe


def test_a_part_of_a_recipe_changes_that_part(tmp_path):
    (tmp_path / "part.yaml").write_text("student:\n  epochs: 3\ntargets: [ort-fp32]\n")
    found = read_recipe(tmp_path / "part.yaml", PROFILES["quick"])
    assert found.student.epochs == 3
    assert found.student.batch_users == PROFILES["quick"].student.batch_users


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("student:\n  epoch: 3\n", "student.epoch: Extra inputs"),
        ("student:\n  learning_rate: .nan\n", "student.learning_rate: Input should be"),
        ("students: {}\n", "students: Extra inputs"),
        ("- 1\n", "a recipe is a map of sections"),
        ("a: [\n", "no YAML"),
        ("seed: 010\n", "read in two ways"),
        ("student: {epochs: 3, epochs: 4}\n", "given twice"),
        ("accept_radio_mismatch: yes\n", "read in two ways"),
    ],
)
def test_a_recipe_that_can_not_be_is_one_line_with_the_file(tmp_path, text, words):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(EdgeCsiError) as caught:
        read_recipe(tmp_path / "bad.yaml", PROFILES["quick"])
    assert words in str(caught.value)
    assert "bad.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_option_says_what_it_is():
    for name, field in Recipe.model_fields.items():
        options = getattr(field.annotation, "model_fields", {})
        for option, told in options.items():
            assert told.description, f"{name}.{option}"


def test_one_seed_is_everybodys():
    recipe = PROFILES["quick"].seeded(7)
    assert {recipe.seed, recipe.data.seed, recipe.teacher.seed, recipe.student.seed} == {7}


def test_settings_are_every_field_of_every_section():
    assert {"data.users", "student.weight", "goals.max_nmse_loss_db", "seed"} <= set(
        settings(PROFILES["quick"])
    )


def steps(folder):
    return len(list(yaml.safe_load_all((folder / "recipe.yaml").read_text())))


@pytest.mark.parametrize(
    ("folder", "step"),
    [(folder, step + 1) for folder in SHIPPED for step in range(steps(folder))],
    ids=lambda value: getattr(value, "name", value),
)
def test_what_a_shipped_model_was_trained_with_can_be_asked_for(folder, step):
    place = folder / (f"recipe.yaml#{step}" if steps(folder) > 1 else "recipe.yaml")
    found = read_recipe(place, PROFILES["full"])
    name = load_config(folder).name
    assert name in (found.student.network, found.teacher.network)
    assert found.data.duplex == load_config(folder).radio.duplex


def test_one_of_several_recipes_has_to_be_named():
    folder = next(folder for folder in SHIPPED if steps(folder) > 1)
    with pytest.raises(EdgeCsiError, match=r"recipes, one after the other; name one as .*recipe.yaml#1 to #"):
        read_recipe(folder / "recipe.yaml", PROFILES["full"])

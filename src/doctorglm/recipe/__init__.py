"""`doctorglm run`: every stage of a recipe, one after the other, each in a folder of its own."""

from doctorglm.recipe.pipeline import Outcome, run_recipe
from doctorglm.recipe.settings import Recipe, load_recipe, read_recipe, recipe_of

__all__ = ["Outcome", "Recipe", "load_recipe", "read_recipe", "recipe_of", "run_recipe"]

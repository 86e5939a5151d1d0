"""Train: choose a recipe and start a training run, or import published weights."""

from __future__ import annotations

import streamlit as st

from app.forms.import_weights import weights_form
from app.forms.job_forms import job_form
from app.ui import html, session, widgets
from app.ui.navigation import PageInfo
from core.glossary import define
from core.train.recipes import Recipe, recipes

PAGE = PageInfo(section="Research", title="Train", url="train", icon=":material/model_training:", order=20)
SCALES = {"small": "small (two CPU cores)", "tiny": "tiny (a quick trial)", "full": "full size (a GPU)"}


def render() -> None:
    """Draw the page."""
    workbench = session.workbench()
    widgets.page_header(
        "Train", "Choose a recipe and a data set. A field that you leave empty takes the recipe's value."
    )
    if not workbench.artifacts("dataset"):
        widgets.empty(
            "No data set in this workspace",
            "Prepare a data set first; the demo set takes a few minutes. Or type the path of a manifest in the form.",
            "Prepare a data set", "datasets",
        )  # fmt: skip
    scale = st.segmented_control(
        "Scale", list(SCALES), default="small", format_func=lambda s: SCALES[s], required=True,
        help="How large the networks of the recipes are, and the computer that they need.",
    )  # fmt: skip
    offered = [recipe for recipe in recipes if recipe.scale == scale]
    name = st.selectbox(
        "Recipe", [recipe.name for recipe in offered], format_func=lambda n: f"{recipes.get(n).title} ({n})",
        help=define("recipe"),
    )  # fmt: skip
    recipe = recipes.get(name)
    about(recipe)
    dataset = {"dataset": st.query_params["dataset"]} if st.query_params.get("dataset") else {}
    job_form(
        "train", workbench, key=f"train.{name}", submit="Start training", given={"recipe": name},
        values={"weights": recipe.weights} | dataset, front=("dataset", "name", "weights", "epochs"),
        placeholder="recipe's value",
    )  # fmt: skip
    with st.expander("Or import published weights"):
        weights_form(workbench)


def about(recipe: Recipe) -> None:
    """List the purpose and the cost of a recipe, its command, and the values that it sets."""
    settings = (
        f"{recipe.detector}; {recipe.objective}; {recipe.epochs} epochs, batches of {recipe.batch_size}; "
        f"{recipe.optimizer}, learning rate {recipe.lr:g}, weight decay {recipe.weight_decay:g}, "
        f"{recipe.schedule} schedule; patience {recipe.patience}; augmentation {recipe.augmentation}"
    )
    pairs = {"Purpose": recipe.claim, "Cost": recipe.cost, "Command": recipe.command, "Values": settings}
    st.html(html.facts(pairs))

"""Train: a recipe, its few choices, and off it goes."""

from __future__ import annotations

import streamlit as st

from app.forms.import_weights import weights_form
from app.forms.job_forms import job_form
from app.ui import html, navigation, session, widgets
from app.ui.navigation import PageInfo
from core.train.recipes import Recipe, recipes

PAGE = PageInfo(section="Research", title="Train", url="train", icon=":material/model_training:", order=20)
SCALES = {"small": "small (two cores)", "tiny": "tiny (a rehearsal)", "full": "full size (a GPU)"}


def render() -> None:
    workbench = session.workbench()
    widgets.page_header("Train", "Choose a recipe; fields left empty keep the recipe's value.")
    if not workbench.artifacts("dataset"):
        widgets.empty("No data set to learn from", "Prepare one first; the demo set is drawn in a few minutes.")
        if st.button("Go to Datasets"):
            navigation.go_to("datasets")
        st.caption("A path to a manifest can also be typed below.")
    scale = st.segmented_control("Scale", list(SCALES), default="small", format_func=lambda s: SCALES[s], required=True)
    offered = [recipe for recipe in recipes if recipe.scale == scale]
    name = st.selectbox(
        "Recipe", [recipe.name for recipe in offered], format_func=lambda n: f"{recipes.get(n).title} ({n})"
    )
    recipe = recipes.get(name)
    about(recipe)
    dataset = {"dataset": st.query_params["dataset"]} if st.query_params.get("dataset") else {}
    job_form(
        "train", workbench, key=f"train.{name}", submit="Start training", given={"recipe": name},
        values={"weights": recipe.weights} | dataset, front=("dataset", "name", "weights", "epochs"),
        placeholder="the recipe's",
    )  # fmt: skip
    with st.expander("Or import published weights"):
        weights_form(workbench)


def about(recipe: Recipe) -> None:
    """What the recipe is for, what it takes, and what it fills in."""
    pairs = {"What for": recipe.claim, "Cost": recipe.cost, "Command": recipe.command}
    filled = (
        f"{recipe.detector}; {recipe.objective}; {recipe.epochs} epochs of batches of {recipe.batch_size}; "
        f"{recipe.optimizer}, learning rate {recipe.lr:g}, weight decay {recipe.weight_decay:g}, "
        f"{recipe.schedule} schedule; patience {recipe.patience}; augmentation {recipe.augmentation}"
    )
    st.html(html.facts({**pairs, "Fills in": filled}))

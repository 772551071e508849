"""Tables, figures and animations of what a run has learned."""

from simcore.figures.knowledge import knowledge_figure, knowledge_table
from simcore.figures.rollouts import rollout_animation, rollout_figure

__all__ = ["knowledge_figure", "knowledge_table", "rollout_animation", "rollout_figure"]

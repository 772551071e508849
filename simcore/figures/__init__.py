"""Tables, figures and animations of what a run has learned."""

from simcore.figures.course import course_figure, read_metrics
from simcore.figures.knowledge import knowledge_figure, knowledge_table
from simcore.figures.rollouts import rollout_animation, rollout_figure

__all__ = [
    "course_figure",
    "knowledge_figure",
    "knowledge_table",
    "read_metrics",
    "rollout_animation",
    "rollout_figure",
]

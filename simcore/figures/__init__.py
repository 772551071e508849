"""Tables, figures and animations of runs and of what their beliefs contain."""

from simcore.figures.animation import animation_file, rollout_animation
from simcore.figures.columns import columns_over_frames, metric_columns
from simcore.figures.comparison import comparison_figure, comparison_grids, markdown, rich_table
from simcore.figures.course import course_figure
from simcore.figures.curves import Curve, combine, curves_figure
from simcore.figures.curves_of_runs import plot_curves
from simcore.figures.evaluation import evaluation_table
from simcore.figures.file import figure_file
from simcore.figures.knowledge import error_by_age_table, knowledge_figure, knowledge_table
from simcore.figures.maps import maps_figure
from simcore.figures.paper import plot_paper_figure
from simcore.figures.rollouts import rollout_figure
from simcore.figures.trajectory_error import trajectory_error_figure

__all__ = [
    "Curve",
    "animation_file",
    "columns_over_frames",
    "combine",
    "comparison_figure",
    "comparison_grids",
    "course_figure",
    "curves_figure",
    "error_by_age_table",
    "evaluation_table",
    "figure_file",
    "knowledge_figure",
    "knowledge_table",
    "maps_figure",
    "markdown",
    "metric_columns",
    "plot_curves",
    "plot_paper_figure",
    "rich_table",
    "rollout_animation",
    "rollout_figure",
    "trajectory_error_figure",
]

"""Error messages for a run that ends early."""

from simcore.common.errors import UserError
from simcore.common.terminal import shell_word
from simcore.common.user_code import UserCodeError
from simcore.frame_models import GECOConfig
from simcore.learning.fault import NonFiniteLossError
from simcore.objectives import ActorCriticObjective, FramePrediction, Probing
from simcore.runs import RunFolder, checkpoints
from simcore.training.training import Training


def ended_at_once(folder: RunFolder) -> str:
    """Return the message for a run that a third Ctrl-C ends."""
    return f"ended at once; the last checkpoint is {checkpoints.latest(folder.checkpoints) or 'none'}"


def unheard(error: OSError, folder: RunFolder) -> OSError | UserError:
    """Return the error that ends a run whose progress cannot be shown, after a checkpoint."""
    if isinstance(error, BrokenPipeError):
        return error
    good = checkpoints.latest(folder.checkpoints)
    return UserError(
        f"cannot write to standard output: {error.strerror}; the run has stopped, and its checkpoint is {good}; "
        f"resume it: simcore train --resume {shell_word(folder.path)}"
    )


def failed(error: Exception, training: Training, folder: RunFolder) -> UserError:
    """Return the error that reports a failed update to the user."""
    kind, good, updates = UserError, checkpoints.latest(folder.checkpoints), training.updates
    if isinstance(error, NonFiniteLossError):
        updates, remedy = error.before, f"train again with {cure(error.part, training)}"
    else:
        kind = UserCodeError
        remedy = f"mend what it complains of, then: simcore train --resume {shell_word(folder.path)}"
    kept = f"the last good checkpoint is {good}" if good else "there is no checkpoint yet"
    return kind(f"update {updates + 1}: {error}; {kept}; {remedy}")


def cure(part: str, training: Training) -> str:
    """Return advice that may keep a loss or a weight finite, by the name of the objective or the weight."""
    system, name = training.system, part.removeprefix("objectives.").partition(".")[0]
    multiplier = system.simulation.frame_model.multiplier if system.simulation is not None else 0.0
    if ".geco." in part or (name == FramePrediction.name and multiplier > GECOConfig().maximum):
        return "a smaller --geco.rate or --geco.maximum"
    if name == Probing.name and not training.config.supervised:
        return "a smaller --learning.probe-learning-rate"
    if name in system.objectives and system.objectives[name].learning_rate is not None:
        return f"a smaller learning rate of {name}"
    if name in (ActorCriticObjective.name, "gradient norm") and system.agent.heads is not None:
        return "a smaller --reinforcement.reward-scale if rewards are large, or a smaller --learning.learning-rate"
    return "a smaller --learning.learning-rate"

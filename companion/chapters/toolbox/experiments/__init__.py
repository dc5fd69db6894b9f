"""What chapter 0 trains: runs to stop early, networks under dropout, and a CNN with remedies."""

from companion.chapters.toolbox.experiments import features, remedies, stopping

EXPERIMENTS = (stopping.EXPERIMENT, features.EXPERIMENT, remedies.EXPERIMENT)

"""Training any torch model: one loop, with schedule, early stopping, checkpoints and seeds."""

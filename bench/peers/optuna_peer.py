"""Optuna's samplers, asked over the lines of `protocol.py`. Whoever asks evaluates the objective, which is minimized."""

from protocol import Clock, serve, take_output

answers = take_output()

import warnings

import optuna
import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

# That GPSampler is experimental, and that parameters of a finished study are added.
warnings.filterwarnings("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
# One study a process; another runs beside it.
torch.set_num_threads(1)

samplers = {"tpe": optuna.samplers.TPESampler, "gp": optuna.samplers.GPSampler}


def distribution(kind, min=None, max=None, log=False, choices=None):
    if kind == "choice":
        return CategoricalDistribution(choices)
    return (IntDistribution if kind == "integer" else FloatDistribution)(min, max, log=log)


class Peer:
    def start(self, sampler, seed, space):
        """A study with the sampler's own defaults."""
        self.space = {name: distribution(**dimension) for name, dimension in space.items()}
        self.study = optuna.create_study(direction="minimize", sampler=samplers[sampler](seed=seed))
        self.trial = None
        return {"optuna": optuna.__version__}

    def step(self, value=None):
        """Tells the value of the trial that was suggested before, if any, and suggests the next."""
        if self.trial is not None:
            self.study.tell(self.trial, value)
        self.trial = self.study.ask()
        return self.suggest(self.trial)

    def remember(self, trials):
        """Adds trials with their values."""
        for trial in trials:
            self.study.add_trial(
                optuna.trial.create_trial(params=trial["parameters"], value=trial["value"], distributions=self.space)
            )

    def time(self):
        """The cost of one suggestion. The trial fails, so that the next one is asked for after the same history."""
        with Clock() as clock:
            trial = self.study.ask()
            self.suggest(trial)
        self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return clock.sample()

    def suggest(self, trial):
        values = {}
        for name, d in self.space.items():
            if isinstance(d, CategoricalDistribution):
                values[name] = trial.suggest_categorical(name, d.choices)
            elif isinstance(d, IntDistribution):
                values[name] = trial.suggest_int(name, d.low, d.high, log=d.log)
            else:
                values[name] = trial.suggest_float(name, d.low, d.high, log=d.log)
        return values


serve(Peer(), answers)

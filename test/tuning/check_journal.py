"""What Optuna finds in a journal: `python check_journal.py <file> <study>` prints it as JSON."""

import json
import sys

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

optuna.logging.set_verbosity(optuna.logging.ERROR)
path, name = sys.argv[1:]
study = optuna.load_study(study_name=name, storage=JournalStorage(JournalFileBackend(path)))
print(
    json.dumps(
        {
            "direction": study.direction.name,
            "metrics": study.metric_names,
            "best": {"number": study.best_trial.number, "value": study.best_value, "params": study.best_params},
            "trials": [
                {
                    "state": trial.state.name,
                    "value": trial.value,
                    "params": trial.params,
                    "rungs": trial.intermediate_values,
                    "attrs": trial.user_attrs,
                    "seconds": trial.duration.total_seconds(),
                    "within": all(d._contains(d.to_internal_repr(trial.params[n])) for n, d in trial.distributions.items()),
                }
                for trial in study.trials
            ],
        }
    )
)

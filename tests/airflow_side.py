"""The half of `make schedulers` that runs in Airflow's own environment, where batchconv is not.

    python airflow_side.py DAG_FILE      loads the file and runs the DAG once

The last line of its output is one of JSON: what became of the run.
"""

import json
import sys

from airflow.dag_processing.dagbag import DagBag


def main(path: str) -> None:
    """Run the DAG of a file in this process, as `airflow dags test` does."""
    bag = DagBag(dag_folder=path)
    assert not bag.import_errors, bag.import_errors
    (dag,) = bag.dags.values()
    run = dag.test()
    sys.stdout.write("\n" + json.dumps({"run": run.state}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])

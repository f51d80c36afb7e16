"""Read a repository with Feast, in its environment: python feast_reader.py FOLDER REQUEST ANSWER

REQUEST is a JSON with the `symbols` of each view in `online`, and maybe the rows of symbol and time
of a view in `history`. ANSWER gets the online features by view, and a Parquet file beside it the
history. With `seconds` the first symbol of the first view is asked for again and again, and ANSWER
gets how long each of these reads took.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pandas as pd
from feast import FeatureStore


def main(folder: str, request_file: str, answer_file: str) -> None:
    request = json.loads(Path(request_file).read_text())
    store = FeatureStore(repo_path=folder)
    for view, rows in request.get("history", {}).items():
        entities = pd.DataFrame(rows)
        entities["event_timestamp"] = pd.to_datetime(entities["event_timestamp"], utc=True)
        history = store.get_historical_features(
            entity_df=entities,
            features=store.get_feature_service(view),
            filter_by_created_timestamp=True,
        ).to_df()
        history["event_timestamp"] = history["event_timestamp"].map(lambda at: at.isoformat())
        history.to_parquet(Path(answer_file).with_suffix(".parquet"))
    answer: dict[str, object] = {}
    for view, symbols in request["online"].items():
        service = store.get_feature_service(view)
        rows = [{"symbol": symbol} for symbol in symbols]
        answer[view] = store.get_online_features(features=service, entity_rows=rows).to_dict()
    if request.get("seconds"):
        answer["taken"] = measure(store, request)
    Path(answer_file).write_text(json.dumps(answer))


def measure(store: FeatureStore, request: dict) -> list[float]:
    view, symbols = next(iter(request["online"].items()))
    service, rows, taken = store.get_feature_service(view), [{"symbol": symbols[0]}], []
    deadline = time.perf_counter() + request["seconds"]
    while time.perf_counter() < deadline:
        began = time.perf_counter()
        store.get_online_features(features=service, entity_rows=rows).to_dict()
        taken.append(time.perf_counter() - began)
    return taken


if __name__ == "__main__":
    main(*sys.argv[1:])

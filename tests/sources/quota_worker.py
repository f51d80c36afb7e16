"""A worker that asks Alpha Vantage's double, one question after the other, until it may not.

python -m tests.sources.quota_worker
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipelines.sources.alphavantage import AlphaVantage
from pipelines.sources.news import NewsRequest
from pipelines.sources.quota import QuotaSpent

END = datetime(2026, 11, 20, tzinfo=UTC)


def main() -> None:
    request = NewsRequest("markets", END - timedelta(days=1), END, END)
    try:
        while True:
            list(AlphaVantage().fetch_news(request))
    except QuotaSpent as spent:
        print(spent.message, flush=True)


if __name__ == "__main__":
    main()

"""Holdings as fund companies publish them, made up."""

from __future__ import annotations

# As Invesco does: a blank after a header and after tickers, percent without a sign, one date a row.
INVESCO = """Fund Ticker,Security Identifier,Holding Ticker ,Shares/Par Value,MarketValue,Weight,\
Name,Class of Shares,Sector,Date
QQQ,037833100,AAPL        ,"118,000,000","30,500,000,000.12",60.5,Apple Inc,Common Stock,\
Information Technology,12/26/2024
QQQ,67066G104,NVDA        ,"203,000,000","28,400,000,000.00",39.1,NVIDIA Corp,Common Stock,\
Information Technology,12/26/2024
QQQ, ,ESH5,10,"300,000.00",0.5,NASDAQ future,Future,,12/26/2024
QQQ, ,-,"-400,000","-400,000.00",-0.1,CASH,Currency,,12/26/2024
"""

# As iShares does: lines above the header, cash and futures among the rows, small print below.
ISHARES = """\ufeffiShares NASDAQ 100 Something ETF
Fund Holdings as of,"Dec 26, 2024"
Inception Date,"May 15, 2000"
Shares Outstanding,"950,000,000.00"
Stock,"-"
Bond,"-"
\u00a0
Ticker,Name,Sector,Asset Class,Market Value,Weight (%),Notional Value,Quantity,Price
"AAPL","APPLE INC","IT","Equity","30,500,000.10","60.50","30,500,000.10","118,000.00","258.02"
"NVDA","NVIDIA CORP","IT","Equity","28,400,000.10","39.30","28,400,000.10","203,000.00","139.93"
"USD","USD CASH","Cash","Cash","100,000.10","0.30","100,000.10","100,000.00","100.00"
"USD","USD MARGIN","Cash","Cash","-2,000.10","-0.10","-2,000.10","100,000.00","100.00"
"ESH5","NASDAQ 100 MAR 25","Cash","Futures","0.00","0.00","60,000.00","10.00","6,040.00"
\u00a0
"The content contained herein is owned or licensed by somebody,
 and must not, in any way, be relied upon."
"""

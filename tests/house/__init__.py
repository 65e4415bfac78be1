"""The tests of the house: what holds of every chapter and every module.

python -m tests.house.rules chapters/08*.ipynb         judge a draft chapter
python tools/refresh_quotes.py --check chapters/08*    compare its quotations
"""

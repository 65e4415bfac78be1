"""The tests of the house: what holds of every chapter and every module.

python -m tests.house.rules chapters/08*.ipynb         judge a draft chapter
python -m tests.house.run_shapes chapters/08*.ipynb    execute its shape comments
python tools/refresh_quotes.py --check chapters/08*    compare its quotations
"""

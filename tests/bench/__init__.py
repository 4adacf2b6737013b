"""Speed, told as ratios to something measured in the same run: `python -m tests.bench`.

A bench is a function that takes a `Scale` and returns `Figure`s; it stands in `BENCHES` of
`__main__` under the name that `--only` knows. Every measured program runs in a process of its
own. Machines are noisy and noise only ever adds, so each figure is the least of several
samples, taken in turns with what it is compared to; all samples stand in `bench.json`.
"""

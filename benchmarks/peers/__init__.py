"""The same work in plain PyTorch, fp32: what a user would write in a single file.

Modules of `torch.nn`, autograd, one `torch.optim.Adam` a network, targets copied and moved in a
loop over their parameters. `tests/test_benchmarks.py` shows that they compute what ours do.
"""

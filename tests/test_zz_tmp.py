pytest_plugins = ["town"]
def test_a(town, messages):
    print(town.answers[0].out, messages.answers[0].err)

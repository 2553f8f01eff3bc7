"""What an EC2 instance does, AWS's and the one in memory."""


class InstanceContract:
    """Needs the fixture ``instance_in(state)``."""

    def test_an_instance_tells_its_state(self, instance_in):
        states = ["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]

        assert [instance_in(state).state() for state in states] == states

    def test_a_stopped_instance_that_is_started_comes_up(self, instance_in):
        instance = instance_in("stopped")

        instance.start()

        assert instance.state() in ("pending", "running")

    def test_starting_one_that_is_under_way_is_no_error(self, instance_in):
        for state in ("running", "pending", "stopping"):
            instance = instance_in(state)

            instance.start()

            assert instance.state() in (state, "running")

"""From app_queue to this house: queues.conf, agents.csv and queue_log become a company folder."""

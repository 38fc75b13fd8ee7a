"""How gunicorn serves the demo: threads, so that a slow client host holds up nobody else.

``WEB_CONCURRENCY`` sets the number of processes, ``GUNICORN_CMD_ARGS`` everything else.
"""

import os

bind = f"{os.environ.get('DEMO_HOST', '127.0.0.1')}:{os.environ.get('DEMO_PORT', '5000')}"
worker_class = "gthread"
threads = 16
# client_id and state together may be longer than the default of 4094.
limit_request_line = 8190

"""Programs for subprocesses that race for the same jobs."""

# Forked after the imports, so that eight racers start at once instead of importing one after the other.
CLAIMERS = """
import os, sys, time
from jobs.queue.database import connect
from jobs.queue.store import Store
readers = []
for n in range(8):
    reader, writer = os.pipe()
    if os.fork() == 0:
        store = Store(*connect(sys.argv[1]))
        mine = []
        while (job := store.claim("work", f"w{n}", time.time())) is not None:
            store.finish(job.id, job.attempt, "done", time.time())
            mine.append(job.id)
        os.write(writer, (" ".join([str(n), *mine]) + chr(10)).encode())
        os._exit(0)
    os.close(writer)
    readers.append(reader)
for reader in readers:
    with open(reader) as stream:
        print(stream.read(), end="")
"""

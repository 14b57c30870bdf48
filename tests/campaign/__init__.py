"""The proving ground: the operator under every fault that we can think of, on a real API server.

A fault proxy stands between the operator's process and the kube-apiserver. It sees every request, so
nothing in the operator is instrumented; it can fail, delay or lose an answer, cut or falsify a watch,
and kill the process. The driver and the oracle talk to the API server directly.

Where things are:

- `calls.py`: one request as the proxy saw it. `faults.py`: what may be done to it. `views.py`: what may
  be done to a watch. `proxy.py`: the proxy itself.
- `storecalls.py`, `storeproxy.py`: the same for object stores. `storeview.py`: what is really in them.
- `ground.py`: cluster, proxy and operator together, and the questions that tests ask of them.
- `masks.py`: what is left of an object when all that differs from run to run is taken away.
- `schema.py`: the leaves of a CRD and the values that they give. `variants.py`: the ways from one spec to
  another that T7 takes. `users.py`: a tenant, impersonated.
- `subject.py`: what a kind brings to the campaign; `subjects/`: one module a kind. A new kind joins
  here, with scenarios and an effects table, and runs through every test below.
- `test_t01_...` to `test_t16_...`: the campaign. `mutations.py`, `test_mutations.py`: deliberate bugs,
  each of which some test must notice, for a campaign that catches nothing proves nothing.

`make campaign` runs all of it; in `make test` each test runs a small part (`--campaign=smoke`).
"""

# SPDX-License-Identifier: Apache-2.0
"""A stand-in for collector exhaustion: an exporter's page, and what the collector would add to it.

The collector needs rights that not every machine gives; its own tests are where it has them.
"""

import http.server
import ssl
import threading
import urllib.request

# Of other network namespaces: of two pods, and of one that nobody has a name for.
NAMESPACES = ['netns="cni-1",namespace="shop",pod="checkout-7d9f8c6b5-x2x7q",pod_uid="3f2a9c01-1b7d-4e5f-8a90-c0ffee000001"',
              'netns="cni-2",namespace="shop",pod="db-0",pod_uid="3f2a9c02-1b7d-4e5f-8a90-c0ffee000002"', 'netns="4026532177"']

BOUNDS = ["0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1.0", "3.0", "10.0", "30.0", "60.0",
          "61.0", "120.0", "300.0", "900.0", "3600.0", "14400.0", "86400.0", "+Inf"]


class More:
    """Serves the page of an exporter on this machine over HTTP, with more lines."""

    def __init__(self, url, context=None):
        self.url, self.context = url, context
        self.scrapes = 0
        more = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # pylint: disable=invalid-name
                body = more.page()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.served.server_port

    def __enter__(self):
        threading.Thread(target=self.served.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.served.shutdown()
        self.served.server_close()

    def page(self):
        with urllib.request.urlopen(self.url, context=self.context, timeout=10) as answer:
            page = answer.read()
        self.scrapes += 1
        return page + "".join(f"{line}\n" for line in self.lines()).encode()

    def lines(self):
        raise NotImplementedError


class Counting(More):
    """With what collector exhaustion counts."""

    def __init__(self, exporter, authority, pods):
        """pods: (uid, cgroup) of those whose connect() fails"""
        super().__init__(f"https://127.0.0.1:{exporter}/metrics",
                         ssl.create_default_context(cafile=authority.certificate))
        self.pods = pods
        self.failures = 0

    def fail(self, count):
        self.failures += count

    def lines(self):
        failed = self.failures
        yield 'ephemera_scrape_collector_success{collector="exhaustion"} 1'
        for family, count in (("ipv4", failed), ("ipv6", 0)):
            yield f'ephemera_port_exhaustion_errors_total{{family="{family}"}} {count}'
            for protocol in ("tcp", "udp"):
                bound = count if protocol == "udp" else 0
                yield (f'ephemera_bind_port_exhaustion_errors_total{{protocol="{protocol}",family="{family}"}} '
                       f'{bound}')
        # The lists have what failed, and nothing else.
        if failed:
            yield ('ephemera_destination_port_exhaustion_errors_total'
                   f'{{destination="127.0.0.1",destination_port="30001"}} {failed}')
            for i, owner in enumerate([*self.owners(), 'cgroup="/system.slice/shop.service",pod_uid="",container_id=""']):
                yield f'ephemera_owner_port_exhaustion_errors_total{{{owner}}} {failed - i}'
            yield f'ephemera_bind_conflicts_total{{protocol="tcp",port="30003"}} {failed}'
        yield f'ephemera_other_destination_port_exhaustion_errors_total {2 * failed}'
        yield f'ephemera_other_owner_port_exhaustion_errors_total {2 * failed}'
        for name, first in (("port_lease", 7), ("port_reuse_interval", 3)):
            for i, bound in enumerate(BOUNDS):
                yield f'ephemera_{name}_seconds_bucket{{le="{bound}"}} {max(0, i - first) * self.scrapes}'
            yield f"ephemera_{name}_seconds_sum {61 * self.scrapes}"
            yield f"ephemera_{name}_seconds_count {(len(BOUNDS) - 1 - first) * self.scrapes}"
        yield "ephemera_untracked_port_leases_total 0"
        for owner in self.owners():
            pair = f'destination="127.0.0.1",destination_port="30001",{owner}'
            yield f"ephemera_destination_owner_opens_total{{{pair}}} {7 * self.scrapes}"
            yield f"ephemera_destination_owner_leases_total{{{pair}}} {5 * self.scrapes}"
            yield f"ephemera_destination_owner_lease_seconds_total{{{pair}}} {300 * self.scrapes}"
        yield f"ephemera_other_destination_owner_opens_total {3 * self.scrapes}"
        yield f"ephemera_other_bind_conflicts_total {self.scrapes}"
        yield from translated(self.scrapes, failed)
        yield from namespaces()
        if failed:
            yield from failures_of_a_namespace(NAMESPACES[0], failed)
        yield "ephemera_own_range_sockets 5"
        yield "ephemera_narrowest_own_range_ports 100"

    def owners(self):
        return [f'cgroup="{cgroup}",pod_uid="{uid}",container_id="{i:064x}"' for i, (uid, cgroup) in enumerate(self.pods)]


def failures_of_a_namespace(labels, failed):
    """As of others, only where a call failed."""
    owner = f'cgroup="/a/cri-containerd-{0:064x}.scope",container_id="{0:064x}"'
    yield f'ephemera_port_exhaustion_errors_total{{{labels},family="ipv4"}} {failed}'
    yield f'ephemera_bind_port_exhaustion_errors_total{{{labels},protocol="udp",family="ipv4"}} {failed}'
    yield (f'ephemera_destination_port_exhaustion_errors_total{{{labels},destination="127.0.0.1",'
           f'destination_port="30001"}} {failed}')
    yield f"ephemera_owner_port_exhaustion_errors_total{{{labels},{owner}}} {2 * failed}"
    yield f"ephemera_other_destination_port_exhaustion_errors_total{{{labels}}} {failed}"
    yield f"ephemera_other_owner_port_exhaustion_errors_total{{{labels}}} {failed}"


def translated(scrapes, lost):
    """What collector snat tells of a gateway that is a quarter full."""
    for protocol, port in (("tcp", 443), ("udp", 53)):
        pool = f'protocol="{protocol}",source="198.51.100.7",destination="203.0.113.5",destination_port="{port}"'
        yield f'ephemera_worst_snat_usage_ratio{{protocol="{protocol}",family="ipv4"}} 0.25'
        yield f'ephemera_snat_ports{{{pool},state="active"}} 2500'
        yield f'ephemera_snat_ports{{{pool},state="closing"}} 11'
        yield f"ephemera_snat_loss_ratio{{{pool}}} 0"
        # The list has what was lost, and nothing else.
        if lost:
            yield f"ephemera_snat_lost_packets_total{{{pool}}} {lost}"
        yield f'ephemera_snat_client_ports{{{pool},client="10.77.1.2"}} 2000'
    yield 'ephemera_snat_range_ports{first_port="40000",last_port="49999"} 10000'
    yield f"ephemera_other_snat_lost_packets_total {scrapes}"
    yield "ephemera_conntrack_entries 5022"
    yield "ephemera_conntrack_limit_entries 262144"
    for name in ("insert_failed", "drops", "early_drops"):
        yield f"ephemera_conntrack_{name}_total {scrapes}"


def namespaces():
    """What an exporter with --namespaces=all shows of other network namespaces, none of them half full."""
    for i, labels in enumerate(NAMESPACES):
        to = f'{labels},source="10.1.0.{i}",destination="127.0.0.1",destination_port="30001"'
        yield f"ephemera_range_usable_ports{{{labels}}} 1000"
        yield f'ephemera_worst_destination_usage_ratio{{{labels},family="ipv4"}} 0.{i + 1}'
        yield f'ephemera_worst_destination_ports{{{labels},family="ipv4"}} {(i + 1) * 100}'
        yield f'ephemera_destination_ports{{{to},state="active"}} {(i + 1) * 100}'
        yield f'ephemera_destination_owner_ports{{{to},cgroup="/a/cri-containerd-{i:064x}.scope",container_id="{i:064x}"}} {(i + 1) * 100}'
        yield f"ephemera_worst_accept_queue_usage_ratio{{{labels}}} 0.1"
        yield f'ephemera_worst_address_usage_ratio{{{labels},protocol="tcp",family="ipv4"}} 0.{i + 1}'
        yield f'ephemera_time_wait_sockets{{{labels},remaining="under_15s"}} {i + 1}'
        yield f'ephemera_range_listener_info{{{labels},protocol="tcp",address="0.0.0.0",port="4000{i}",reserved="true"}} 1'
        yield f'ephemera_range_listener_info{{{labels},protocol="tcp",address="0.0.0.0",port="4100{i}",reserved="false"}} 1'
    for pressure, count in (("low", 3), ("half", 0), ("high", 0), ("full", 0)):
        yield f'ephemera_namespaces{{pressure="{pressure}"}} {count}'
    yield "ephemera_worst_namespace_usage_ratio 0.3"
    yield "ephemera_unshown_namespaces 1"
    yield "ephemera_untracked_namespace_ports 0"

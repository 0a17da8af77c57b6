{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/*
A chart of yours that has this one as a dependency adds to its pod template, as docs/kubernetes.md shows:

    initContainers:
      - {{- include "ephemera.sidecar" .Subcharts.ephemera | nindent 10 }}
*/}}
{{- define "ephemera.sidecarPlain" -}}
name: ephemera
{{ include "ephemera.image" . }}
{{- with .Values.sidecar.args }}
args:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  # Not "metrics": many services have a port of that name.
  - name: ephemera
    containerPort: 10059
    protocol: TCP
# No readinessProbe, no startupProbe: a pod is ready only if all its containers are, and an
# exporter that does not answer must not stop traffic to its service.
# Not httpGet: a kubelet whose node has no port left would restart the exporter.
livenessProbe:
  exec:
    command:
      - /usr/bin/ephemera
      - healthcheck
      - --process=1
  periodSeconds: 30
  timeoutSeconds: 5
  failureThreshold: 4
{{- with .Values.sidecar.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "ephemera.securityContext" . | nindent 2 }}
{{- end }}

{{/* An init container that keeps running: Kubernetes 1.29. */}}
{{- define "ephemera.sidecar" -}}
{{ include "ephemera.sidecarPlain" . }}
restartPolicy: Always
{{- end }}

{{/* PodMonitor and NetworkPolicy find such a pod by this. */}}
{{- define "ephemera.sidecarLabels" -}}
ephemera: sidecar
{{- end }}

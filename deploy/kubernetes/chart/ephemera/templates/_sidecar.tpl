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
  # Not "metrics", which many services call a port of theirs.
  - name: ephemera
    containerPort: 10059
    protocol: TCP
# No readinessProbe, no startupProbe: a pod is as ready as its containers, and an exporter
# that does not answer is no reason to take its service away.
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

{{/* An init container that goes on running: Kubernetes 1.29. */}}
{{- define "ephemera.sidecar" -}}
{{ include "ephemera.sidecarPlain" . }}
restartPolicy: Always
{{- end }}

{{/* What PodMonitor and NetworkPolicy know such a pod by. */}}
{{- define "ephemera.sidecarLabels" -}}
ephemera: sidecar
{{- end }}

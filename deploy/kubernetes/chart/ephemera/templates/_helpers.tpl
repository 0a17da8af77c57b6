{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{- define "ephemera.name" -}}
{{- if contains "ephemera" .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-ephemera" (.Release.Name | trunc 31 | trimSuffix "-") -}}
{{- end -}}
{{- end }}

{{/* Labels that never change, for selectors. */}}
{{- define "ephemera.selector" -}}
app.kubernetes.io/name: ephemera
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "ephemera.labels" -}}
{{ include "ephemera.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- end }}

{{- define "ephemera.daemonsetSelector" -}}
{{ include "ephemera.selector" . }}
app.kubernetes.io/component: daemonset
{{- end }}

{{- define "ephemera.image" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{/* All rules of the restricted profile for a container, whatever its pod sets. */}}
{{- define "ephemera.securityContext" -}}
allowPrivilegeEscalation: false
capabilities:
  drop:
    - ALL
readOnlyRootFilesystem: true
runAsGroup: 65532
runAsNonRoot: true
runAsUser: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* The seccompProfile of each feature that is enabled and loads BPF programs; empty if none is. */}}
{{- define "ephemera.bpf" -}}
{{- range list .Values.walk .Values.exhaustion .Values.nodeView .Values.snat -}}
{{- if .enabled }}{{ .seccompProfile }} {{ end -}}
{{- end -}}
{{- end }}

{{/* The same, with the capabilities to load BPF programs (BPF, PERFMON) and then to become nobody. Kubernetes gives
added capabilities to root only. */}}
{{- define "ephemera.bpfSecurityContext" -}}
allowPrivilegeEscalation: false
capabilities:
  add:
    - BPF
    - PERFMON
    - SETGID
    - SETUID
  drop:
    - ALL
readOnlyRootFilesystem: true
runAsGroup: 65532
runAsNonRoot: false
runAsUser: 0
seccompProfile:
  type: {{ contains "Unconfined" (include "ephemera.bpf" .) | ternary "Unconfined" "RuntimeDefault" }}
{{- end }}

{{/* The name of an endpoint: its node. With nodeView the labels namespace, pod and container are those of the pod that a
sample is about; where it has none, it does not get the exporter's. */}}
{{- define "ephemera.nodeRelabelings" -}}
{{- if .Values.nodeView.enabled -}}
honorLabels: true
{{ end -}}
relabelings:
  - action: replace
    sourceLabels: [__meta_kubernetes_pod_node_name]
    targetLabel: instance
{{- if .Values.nodeView.enabled }}
  - action: labeldrop
    regex: pod|container
{{- end }}
{{- end }}
